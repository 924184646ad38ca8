// What a file of another form lost or changed on its way in, and what was lost since: to be read until it is dismissed.
import { useMemo } from "react";
import { useStore } from "zustand";
import { TriangleAlert } from "lucide-react";
import type { Problem } from "@/api/client";
import { useMessages } from "@/i18n/messages";
import { titlesTo, withTitles } from "@/model/naming";
import { remarksOf, wholeNameOf } from "@/model/remarks";
import { SEED_REMARK } from "@/model/seeds";
import { useActive, useEditor } from "@/store/editor";
import { drawSeeds } from "@/store/remarks";
import { go } from "@/store/going";
import styles from "@/panels/panels.module.css";

const NONE: readonly Problem[] = [];

/** What is remarked on the open document and still says something. */
export function useRemarks(): readonly Problem[] {
  const editor = useEditor();
  const problems = useActive((one) => one?.report?.problems ?? NONE);
  const document = useActive((one) => one?.document);
  const catalogue = useStore(editor.library.store, (all) => all.catalogue);
  return useMemo(() => (document ? remarksOf(problems, document, catalogue) : NONE), [problems, document, catalogue]);
}

/** `onShow`: before the node that a remark is of is shown. */
export function Remarks({ onShow }: { onShow?: () => void }) {
  const editor = useEditor();
  const one = useActive((open) => open);
  const { problems: words, shell } = useMessages();
  const remarks = useRemarks();
  if (!one?.report || remarks.length === 0) return null;
  return (
    <section data-testid="remarks">
      <h3 className={styles.section}>
        {words.reading(one.report.source)}
        <button type="button" className={styles.textButton} onClick={() => editor.documents.dismissReport(one.uid)}>
          {shell.dismiss}
        </button>
      </h3>
      {remarks.map((problem, index) => (
        <Remark key={index} problem={problem} onShow={onShow} />
      ))}
    </section>
  );
}

function Remark({ problem, onShow }: { problem: Problem; onShow: (() => void) | undefined }) {
  const editor = useEditor();
  const { problems: words } = useMessages();
  const document = useActive((open) => open?.document);
  if (!document) return null;
  const { catalogue } = editor.library;
  const whole = wholeNameOf(problem, document);
  const show = () => {
    if (whole === null) return;
    onShow?.();
    go(editor, whole);
  };
  return (
    <div>
      <button type="button" className={styles.problem} data-severity={problem.severity} data-testid="remark" onClick={show}>
        <TriangleAlert size={14} aria-hidden />
        <span>
          {whole !== null && (
            <strong title={whole}>
              {titlesTo(whole, document, catalogue)}
              {problem.input ? ` · ${problem.input}` : ""}
            </strong>
          )}
          {withTitles(problem.message, document, catalogue)}
          {problem.hint && <em>{problem.hint}</em>}
        </span>
      </button>
      {problem.code === SEED_REMARK && (
        <button type="button" className={styles.textButton} style={{ marginLeft: 30 }} onClick={() => drawSeeds(editor)}>
          {words.drawSeeds}
        </button>
      )}
    </div>
  );
}
