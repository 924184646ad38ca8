// What a node is, from its own docstring.
import { useStore } from "zustand";
import { useMessages, type Messages } from "@/i18n/messages";
import { Markdown } from "@/widgets/Markdown";
import { graphAt } from "@/model/document";
import { shortTime } from "@/model/durations";
import { interfaceIn } from "@/model/interface";
import { writeJson } from "@/model/json";
import type { InputSpec } from "@/model/catalogue";
import { reasonOf } from "@/model/plan";
import { typeColour } from "@/model/ports";
import { SharedFields } from "@/panels/SharedFields";
import { scopeOf } from "@/store/documents";
import { useActive, useEditor } from "@/store/editor";
import { outputOf } from "@/model/pictures";
import { useKeyed } from "@/store/keyed";
import styles from "@/panels/panels.module.css";

export default function NodeHelp() {
  const editor = useEditor();
  const { help: t, plan: plans } = useMessages();
  const one = useActive((open) => open);
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const graph = one && graphAt(one.document, scopeOf(one));
  const name = one && graph ? [...one.selection].find((id) => Object.hasOwn(graph.nodes, id)) : undefined;
  const prefix = one?.trail.map(({ instance }) => `${instance}:`).join("") ?? "";
  const key = `${one?.uid}/${prefix}${name}`;
  const plan = useKeyed(editor.plans.nodes, key);
  const run = useKeyed(editor.runs.nodes, key);
  const told = outputOf(run, plan)?.text;
  const several = one && graph ? [...one.selection].filter((id) => Object.hasOwn(graph.nodes, id)) : [];
  if (several.length > 1) return <SharedFields names={several} />;
  if (!one || !graph || !name) return <p className={styles.empty}>{t.selectFirst}</p>;
  const of = interfaceIn(name, graph, one.document, catalogue);
  const node = graph.nodes[name]!;
  const spec = of.spec;
  const traits = [spec?.effect && t.traits.effect, spec?.deterministic === false && t.traits.everyTime, spec?.takes_lists && t.traits.lists, spec?.expands && t.traits.expands, spec?.experimental && t.traits.experimental, spec?.deprecated && t.traits.deprecated].filter(Boolean);
  return (
    <div className={styles.scroll} style={{ padding: "4px 14px 20px" }}>
      <h3 className={styles.helpTitle}>{of.title}</h3>
      <p className={styles.mono}>
        {node.type} · {prefix + name}
      </p>
      {spec && <Markdown text={spec.description} />}
      {of.kind === "unknown" && <p className={styles.jobError}>{t.unknown}</p>}
      {traits.length > 0 && <p className={styles.faint}>{traits.join(" · ")}</p>}
      {plan && (
        <p>
          <strong>{t.nextRun}</strong> {plans.words[plan.status]}
          {plan.reason ? `: ${reasonOf(plan, plans)}` : ""}
        </p>
      )}
      {run && (
        <p>
          <strong>{t.lastRun}</strong> {run.state}
          {run.seconds ? `, ${shortTime(run.seconds)}` : ""}
          {run.reason ? `: ${run.reason}` : ""}
        </p>
      )}
      <PortList title={t.inputs} ports={of.inputs} />
      <PortList title={t.outputs} ports={of.outputs} />
      {told && <pre className={styles.pre}>{told.join("\n")}</pre>}
    </div>
  );
}

function PortList({ title, ports }: { title: string; ports: readonly (InputSpec | { name: string; type: string })[] }) {
  const { help: t } = useMessages();
  if (ports.length === 0) return null;
  return (
    <>
      <h4 className={styles.helpSection}>{title}</h4>
      <dl className={styles.portList}>
        {ports.map((port) => (
          <div key={port.name}>
            <dt>
              {port.name} <span style={{ color: typeColour(port.type) }}>{port.type.split(",").join(" or ")}</span>
            </dt>
            <dd>{"tooltip" in port && port.tooltip ? port.tooltip : range(port, t)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function range(port: InputSpec | { name: string; type: string }, t: Messages["help"]): string {
  const widget = "widget" in port ? port.widget : undefined;
  const start = "default" in port && port.default !== undefined ? t.startsAt(writeJson(port.default)) : "";
  if (widget?.widget !== "number") return start;
  const limits = widget.minimum !== undefined && widget.maximum !== undefined ? t.range(widget.minimum, widget.maximum) : "";
  return [limits, start].filter(Boolean).join(", ");
}
