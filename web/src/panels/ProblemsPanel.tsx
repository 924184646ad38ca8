// What is wrong: what is missing here, how the last run failed, what the service says of the graph, what a file lost on its way in.
import { useStore } from "zustand";
import { CircleAlert, PackageOpen, TriangleAlert } from "lucide-react";
import type { Problem } from "@/api/client";
import { go } from "@/store/going";
import { useMessages } from "@/i18n/messages";
import { writeJson } from "@/model/json";
import { lackBehind, type Lack } from "@/model/missing";
import { titlesTo, withTitles } from "@/model/naming";
import { NO_PLAN } from "@/model/plan";
import type { FailedRun } from "@/model/runs";
import { Remarks, useRemarks } from "@/panels/Remarks";
import { useLacks } from "@/panels/lacks";
import { copyText } from "@/store/clipboard";
import { useActive, useEditor } from "@/store/editor";
import { putInPlace } from "@/store/remarks";
import styles from "@/panels/panels.module.css";

const NO_RUNS: readonly FailedRun[] = [];

export function ProblemsPanel() {
  const editor = useEditor();
  const one = useActive((open) => open);
  const state = useStore(editor.plans.store, (all) => all[one?.uid ?? ""] ?? NO_PLAN);
  const failed = useStore(editor.runs.store, (all) => all.failed[one?.uid ?? ""] ?? NO_RUNS);
  const { missing: t, problems: words } = useMessages();
  const lacks = useLacks();
  const remarks = useRemarks();
  const catalogue = useStore(editor.library.store, (all) => all.catalogue);
  const called = (node: string) => (one ? titlesTo(node, one.document, catalogue) : node);
  return (
    <div className={styles.scroll}>
      {lacks.length > 0 && (
        <button type="button" className={styles.problem} data-severity="warning" onClick={() => editor.view.set({ dialog: "missing" })}>
          <PackageOpen size={14} aria-hidden />
          <span>
            <strong>{t.open}</strong>
            {t.found(lacks.length)}
          </span>
        </button>
      )}
      {failed.length > 0 && <FailedRuns failed={failed} called={called} />}
      {state.problems.length > 0 && <h3 className={styles.section}>{words.here}</h3>}
      {state.problems.map((problem, index) => (
        <div key={index}>
        <button type="button" className={styles.problem} data-severity={problem.severity} data-testid="problem" onClick={() => problem.node && go(editor, problem.node)}>
          {problem.severity === "warning" ? <TriangleAlert size={14} aria-hidden /> : <CircleAlert size={14} aria-hidden />}
          <span>
            {problem.node && (
              <strong title={problem.node}>
                {called(problem.node)}
                {problem.input ? ` · ${problem.input}` : ""}
              </strong>
            )}
            {one ? withTitles(problem.message, one.document, catalogue) : problem.message}
            {problem.hint && <em>{problem.hint}</em>}
          </span>
        </button>
        <Remedy problem={problem} lacks={lacks} />
        </div>
      ))}
      <Remarks />
      {state.problems.length === 0 && lacks.length === 0 && failed.length === 0 && remarks.length === 0 && <p className={styles.empty}>{words.none}</p>}
    </div>
  );
}

/** How runs failed that were asked for last: several, where some were still to run when one failed. */
function FailedRuns({ failed, called }: { failed: readonly FailedRun[]; called: (node: string) => string }) {
  const editor = useEditor();
  const { problems: words } = useMessages();
  const one = useActive((open) => open?.uid ?? "");
  const last = useStore(editor.runs.store, (all) => all.last[one]);
  const copy = () => copyText(editor, writeJson(failed.length === 1 ? failed[0]!.failure : failed.map(({ failure }) => failure), 2));
  return (
    <>
      <h3 className={styles.section}>
        {failed.length === 1 && failed[0]!.job === last ? words.lastRun : words.failedRuns(failed.length)}
        <button type="button" className={styles.textButton} onClick={() => void copy().then(() => editor.view.say(words.copied, "good"), (error: unknown) => editor.fail(error))}>
          {words.copy}
        </button>
      </h3>
      {failed.map(({ job, failure }) => (
        <button key={job} type="button" className={styles.problem} data-testid="problem" onClick={() => failure.node && go(editor, failure.node)}>
          <CircleAlert size={14} aria-hidden />
          <span>
            {failure.node && <strong title={failure.node}>{called(failure.node)}</strong>}
            {failure.message}
            {failure.hint && <em>{failure.hint}</em>}
            {Object.entries(failure.inputs ?? {}).length > 0 && <code>{Object.entries(failure.inputs ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n")}</code>}
            <span className={styles.faint}>{failure.code}</span>
          </span>
        </button>
      ))}
    </>
  );
}

/** What is nearest to what is not here, put there with one click. */
function Remedy({ problem, lacks }: { problem: Problem; lacks: readonly Lack[] }) {
  const editor = useEditor();
  const one = useActive((open) => open);
  const lack = one && lackBehind(problem, lacks, one.document);
  const offer = lack?.offers[0];
  if (!lack || offer === undefined) return null;
  const use = () => putInPlace(editor, editor.t.edits.use(offer), [[lack, offer]]);
  return (
    <button type="button" className={styles.textButton} style={{ marginLeft: 30 }} onClick={use}>
      {editor.t.edits.use(offer)}
    </button>
  );
}
