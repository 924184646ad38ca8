// A field of a node: its widget, and the socket by which a link can give the value instead.
import { memo } from "react";
import { Link2 } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { useField } from "@/canvas/field";
import { Socket } from "@/canvas/Socket";
import { SourceTitle } from "@/canvas/SourceTitle";
import { linkOf, type GraphNode } from "@/model/document";
import type { Row } from "@/model/geometry";
import { valueOf } from "@/model/value";
import { widgetFor } from "@/widgets/registry";
import styles from "@/canvas/canvas.module.css";

interface FieldRowProps {
  row: Extract<Row, { kind: "field" | "text" }>;
  id: string;
  node: GraphNode;
  near: boolean;
  problem: string | undefined;
}

export const FieldRow = memo(function FieldRow({ row, id, node, near, problem }: FieldRowProps) {
  const { canvas: t } = useMessages();
  const { input } = row;
  const { given, initial, scope, outside, change } = useField(id, node, input);
  const source = linkOf(given);
  const value = valueOf({ ...input, default: initial }, given);
  const Field = input.widget && near ? widgetFor(input.widget) : null;
  const middle = row.kind === "text" ? row.y + Math.min(row.height, 22) / 2 : row.y + row.height / 2;
  return (
    <>
      <Socket node={id} name={input.name} end="input" type={input.type} y={middle} linked={source !== null} latent />
      <div className={`nodrag nopan ${styles.field}`} style={{ top: row.y + 1, height: row.height - 2 }} data-input={input.name} data-tip={outside === null ? input.tooltip : [t.setAt(outside), input.tooltip].filter(Boolean).join(". ")}>
        {source && near ? (
          <div className={styles.linked}>
            <span>{input.name}</span>
            <span className={styles.linkedFrom}>
              <Link2 size={11} aria-hidden />
              <span>
                <SourceTitle name={source.node} scope={scope} />
              </span>
            </span>
          </div>
        ) : Field ? (
          <Field schema={input.widget!} value={value} initial={initial} label={input.name} place="node" problem={problem} onChange={change} />
        ) : (
          <div className={styles.blank} />
        )}
      </div>
    </>
  );
});
