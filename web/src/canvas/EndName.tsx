// The name of an input or output of the subgraph that is looked into, at its two ends. A double-click lets it be renamed, at all
// instances of the subgraph too.
import { useState, type CSSProperties } from "react";
import { useMessages } from "@/i18n/messages";
import { NameField } from "@/canvas/NameField";
import { useCanvasPlace } from "@/canvas/place";
import { renameSubgraphPort } from "@/model/renaming";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

interface EndNameProps {
  name: string;
  kind: "input" | "output";
  className: string;
  style: CSSProperties;
}

export function EndName({ name, kind, className, style }: EndNameProps) {
  const { documents } = useEditor();
  const { canvas: t, edits } = useMessages();
  const { uid, scope } = useCanvasPlace();
  const [renaming, setRenaming] = useState(false);
  if (!renaming) {
    return (
      <span data-input={kind === "output" ? name : undefined} className={className} style={style} data-tip={t.renameEnd} onDoubleClick={() => setRenaming(true)}>
        {name}
      </span>
    );
  }
  const end = (written: string) => {
    setRenaming(false);
    documents.edit(uid, edits.rename, (document) => renameSubgraphPort(document, scope, kind, name, written.trim()));
  };
  return <NameField label={t.endName(name)} name={name} className={`${className} ${styles.endName}`} style={style} onEnd={end} />;
}
