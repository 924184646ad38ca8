// The graph as lists: its outline (for the keyboard and for screen readers), its problems, and what is found in it.
import { useMemo, useState } from "react";
import { useStore } from "zustand";
import { CircleAlert, PackageOpen, TriangleAlert } from "lucide-react";
import type { Problem } from "@/api/client";
import { graphAt, linkOf, literalOf, withNode } from "@/model/document";
import { setInput } from "@/model/edit";
import { interfaceIn } from "@/model/interface";
import { writeJson } from "@/model/json";
import { NO_PLAN } from "@/model/plan";
import { scopeOf } from "@/store/documents";
import { useActive, useEditor, type Editor } from "@/store/editor";
import { useLacks } from "@/panels/lacks";
import { useMessages } from "@/i18n/messages";
import styles from "@/panels/panels.module.css";

export function go(editor: Editor, name: string): void {
  enterTo(editor, name);
  const inner = name.split(":").at(-1)!;
  editor.documents.select([inner]);
  window.setTimeout(() => {
    editor.canvas?.fit([inner]);
    document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(inner)}"]`)?.focus();
  }, 40);
}

/** Go into the subgraphs that a node's whole name leads through. */
export function enterTo(editor: Editor, name: string): void {
  const path = name.split(":").slice(0, -1);
  const trail = editor.documents.active?.trail.map(({ instance }) => instance) ?? [];
  if (path.join(":") === trail.join(":")) return;
  editor.documents.leaveTo(0);
  for (const instance of path) editor.documents.enter(instance);
}

export function OutlinePanel() {
  const editor = useEditor();
  const { outline: t, plan: { words } } = useMessages();
  const one = useActive((open) => open);
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const active = useStore(editor.documents.store, (state) => state.active);
  const plan = useStore(editor.plans.store, (state) => (state[active ?? ""] ?? NO_PLAN).plan);
  if (!one) return null;
  const graph = graphAt(one.document, scopeOf(one));
  const prefix = one.trail.map(({ instance }) => `${instance}:`).join("");
  const names = inOrder(graph.nodes);
  return (
    <ol className={styles.scroll} aria-label={t.label}>
      {names.map((name) => {
        const node = graph.nodes[name]!;
        const of = interfaceIn(name, graph, one.document, catalogue);
        const sources = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
          const source = linkOf(value);
          return source ? [t.from(input, graph.nodes[source.node]?.title ?? source.node)] : [];
        });
        const planned = plan?.nodes[prefix + name];
        return (
          <li key={name}>
            <button type="button" className={styles.row} data-on={one.selection.has(name)} onClick={() => go(editor, prefix + name)}>
              <span className={styles.rowTitle}>{node.title ?? of.title}</span>
              <span className={styles.faint}>{planned ? words[planned.status] : ""}</span>
              {sources.length > 0 && <span className={styles.rowMore}>{sources.join(", ")}</span>}
            </button>
          </li>
        );
      })}
      {names.length === 0 && <p className={styles.empty}>{t.empty}</p>}
    </ol>
  );
}

/** Sources before what they feed. */
function inOrder(nodes: Record<string, { inputs?: Record<string, Parameters<typeof linkOf>[0]> }>): string[] {
  const seen = new Set<string>();
  const order: string[] = [];
  for (const start of Object.keys(nodes)) {
    const stack: [string, boolean][] = [[start, false]];
    while (stack.length > 0) {
      const [name, left] = stack.pop()!;
      if (left) order.push(name);
      else if (!seen.has(name) && nodes[name]) {
        seen.add(name);
        stack.push([name, true]);
        const sources = Object.values(nodes[name].inputs ?? {}).flatMap((value) => linkOf(value)?.node ?? []);
        for (const source of sources.reverse()) stack.push([source, false]);
      }
    }
  }
  return order;
}

export function ProblemsPanel() {
  const editor = useEditor();
  const one = useActive((open) => open);
  const state = useStore(editor.plans.store, (all) => all[one?.uid ?? ""] ?? NO_PLAN);
  const failure = useStore(editor.runs.store, (all) => {
    const job = all.running[all.last[one?.uid ?? ""] ?? ""];
    return job?.state === "failed" ? job.failure : undefined;
  });
  const report = one?.report;
  const { missing: t, problems: words, shell } = useMessages();
  const lacks = useLacks();
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
      {failure && (
        <>
          <h3 className={styles.section}>
            {words.lastRun}
            <button type="button" className={styles.textButton} onClick={() => void navigator.clipboard.writeText(writeJson(failure, 2)).then(() => editor.view.say(words.copied, "good"), (error: unknown) => editor.fail(error))}>
              {words.copy}
            </button>
          </h3>
          <button type="button" className={styles.problem} data-testid="problem" onClick={() => failure.node && go(editor, failure.node)}>
            <CircleAlert size={14} aria-hidden />
            <span>
              {failure.node && <strong>{failure.node}</strong>}
              {failure.message}
              {failure.hint && <em>{failure.hint}</em>}
              {Object.entries(failure.inputs ?? {}).length > 0 && <code>{Object.entries(failure.inputs ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n")}</code>}
              <span className={styles.faint}>{failure.code}</span>
            </span>
          </button>
        </>
      )}
      {state.problems.length > 0 && <h3 className={styles.section}>{words.here}</h3>}
      {state.problems.map((problem, index) => (
        <div key={index}>
        <button type="button" className={styles.problem} data-severity={problem.severity} data-testid="problem" onClick={() => problem.node && go(editor, problem.node)}>
          {problem.severity === "warning" ? <TriangleAlert size={14} aria-hidden /> : <CircleAlert size={14} aria-hidden />}
          <span>
            {problem.node && (
              <strong>
                {problem.node}
                {problem.input ? ` · ${problem.input}` : ""}
              </strong>
            )}
            {problem.message}
            {problem.hint && <em>{problem.hint}</em>}
          </span>
        </button>
        <Remedy problem={problem} />
        </div>
      ))}
      {report && (
        <>
          <h3 className={styles.section}>
            {words.reading(report.source)}
            <button type="button" className={styles.textButton} onClick={() => editor.documents.dismissReport(one.uid)}>
              {shell.dismiss}
            </button>
          </h3>
          {report.problems.map((problem, index) => (
            <button key={index} type="button" className={styles.problem} data-severity={problem.severity} onClick={() => problem.node && go(editor, problem.node)}>
              <TriangleAlert size={14} aria-hidden />
              <span>
                {problem.message}
                {problem.hint && <em>{problem.hint}</em>}
              </span>
            </button>
          ))}
        </>
      )}
      {state.problems.length === 0 && lacks.length === 0 && !failure && !report && <p className={styles.empty}>{words.none}</p>}
    </div>
  );
}

/** What a hint names, done with one click: another file, another node type. */
function Remedy({ problem }: { problem: Problem }) {
  const editor = useEditor();
  const suggested = /Did you mean '([^']+)'/.exec(problem.hint ?? "")?.[1];
  const { node, input } = problem;
  if (!suggested || !node || node.includes(":")) return null;
  const isType = problem.code === "unknown_type";
  if (!isType && !input) return null;
  const use = () =>
    editor.documents.editGraph(editor.t.edits.use(suggested), (graph) => (isType ? withNode(graph, node, (one) => ({ ...one, type: suggested })) : setInput(graph, node, input!, suggested)));
  return (
    <button type="button" className={styles.textButton} style={{ marginLeft: 30 }} onClick={use}>
      {editor.t.edits.use(suggested)}
    </button>
  );
}

export function FindPanel() {
  const editor = useEditor();
  const { find: t } = useMessages();
  const one = useActive((open) => open);
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const [text, setText] = useState("");
  const found = useMemo(() => (one && text.trim() ? findIn(one.document, text.trim().toLowerCase(), catalogue) : []), [one, text, catalogue]);
  return (
    <>
      <input className={styles.search} autoFocus placeholder={t.what} aria-label={t.label} value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Enter" && found[0] && go(editor, found[0].name)} />
      <div className={styles.scroll}>
        {found.map(({ name, title, where }) => (
          <button key={`${name}.${where}`} type="button" className={styles.row} onClick={() => go(editor, name)}>
            <span className={styles.rowTitle}>{title}</span>
            <span className={styles.rowMore}>{where}</span>
          </button>
        ))}
        {text.trim() !== "" && found.length === 0 && <p className={styles.empty}>{t.nothing}</p>}
      </div>
    </>
  );
}

interface Hit {
  name: string;
  title: string;
  where: string;
}

/** Nodes whose name, title, type or values hold a text; those inside subgraphs by the way through their first instance. */
function findIn(document: Parameters<typeof graphAt>[0], text: string, catalogue: Parameters<typeof interfaceIn>[3]): Hit[] {
  const hits: Hit[] = [];
  const walk = (scope: string, prefix: string, depth: number) => {
    const graph = graphAt(document, scope);
    for (const [name, node] of Object.entries(graph.nodes)) {
      const title = node.title ?? interfaceIn(name, graph, document, catalogue).title;
      if ([name, title, node.type].some((one) => one.toLowerCase().includes(text))) hits.push({ name: prefix + name, title, where: node.type });
      for (const [input, value] of Object.entries(node.inputs ?? {})) {
        const literal = literalOf(value);
        if ((typeof literal === "string" || typeof literal === "number") && String(literal).toLowerCase().includes(text)) hits.push({ name: prefix + name, title, where: `${input}: ${String(literal).slice(0, 80)}` });
      }
      if (node.type.startsWith("subgraph:") && depth < 8) walk(node.type.slice(9), `${prefix}${name}:`, depth + 1);
    }
  };
  walk("", "", 0);
  return hits.slice(0, 200);
}
