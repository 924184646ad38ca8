// The pictures in a node: what it saved or showed last, a batch beside each other, or what it loads.
import { memo, type CSSProperties } from "react";
import { ImageIcon } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { fileUrl } from "@/api/client";
import type { GraphNode } from "@/model/document";
import type { Row } from "@/model/geometry";
import type { Interface } from "@/model/interface";
import type { NodeOutput, OutputFile } from "@/model/runs";
import type { ShownPicture } from "@/widgets/picture/PictureViewer";
import { gridOf, madeBy, picturesIn } from "@/model/pictures";
import { useCanvasPlace } from "@/canvas/place";
import { useKeyed } from "@/store/keyed";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

interface NodePictureProps {
  row: Extract<Row, { kind: "picture" }>;
  id: string;
  node: GraphNode;
  of: Interface;
  made: NodeOutput | undefined;
}

/** What was made, each to be compared with what was made before, which comes last. */
function pictures(files: readonly OutputFile[], before: OutputFile | undefined): ShownPicture[] {
  const shown = (file: OutputFile) => ({ url: fileUrl(file.folder, file.name), name: file.name });
  if (!before) return files.map(shown);
  return [...files.map((file) => ({ ...shown(file), before: fileUrl(before.folder, before.name) })), shown(before)];
}

export const NodePicture = memo(function NodePicture({ row, id, node, of, made }: NodePictureProps) {
  const { runs } = useEditor();
  const t = useMessages();
  const { key } = useCanvasPlace();
  const before = useKeyed(runs.earlier, key(id));
  const { columns, shown, more } = gridOf(picturesIn(node, of, made));
  return (
    <div className={`${styles.picture} ${columns > 1 ? styles.several : ""}`} style={{ top: row.y + 2, height: row.height - 4, "--columns": columns } as CSSProperties}>
      {shown.map((file) => (
        <Picture key={fileUrl(file.folder, file.name)} file={file} among={() => pictures(madeBy(made), before)} />
      ))}
      {shown.length === 0 && <ImageIcon size={22} strokeWidth={1.2} aria-label={t.canvas.noPicture} />}
      {more > 0 && <span className={styles.more}>+{more}</span>}
    </div>
  );
});

/** One of them. A click looks at it. */
function Picture({ file, among }: { file: OutputFile; among: () => ShownPicture[] }) {
  const { view } = useEditor();
  const { queue: t } = useMessages();
  const [url, name] = [fileUrl(file.folder, file.name), file.name];
  return (
    <button type="button" className="nodrag" aria-label={t.lookAt(name)} onClick={() => view.set({ picture: { url, name, among: among() } })}>
      <img src={url} alt={name} loading="lazy" draggable={false} onError={(event) => (event.currentTarget.style.visibility = "hidden")} onLoad={(event) => (event.currentTarget.style.visibility = "visible")} />
    </button>
  );
}
