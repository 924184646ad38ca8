// Which picture a node shows: what it made last, else what it loads.
import type { GraphNode } from "@/model/document";
import type { Interface } from "@/model/interface";
import type { NodeRun, OutputFile } from "@/model/runs";
import { valueOf } from "@/model/value";

const PICTURES = /\.(png|jpe?g|webp|gif|avif)$/i;

export function madeBy(run: NodeRun | undefined): OutputFile[] {
  return run?.output?.files?.filter((file) => PICTURES.test(file.name)) ?? [];
}

/** How pictures lie beside each other where there is room for some of them. */
export interface PictureGrid {
  columns: number;
  shown: readonly OutputFile[];
  /** How many more there are. */
  more: number;
}

/** More than these are too small to be told apart. */
const MOST_SHOWN = 9;

export function gridOf(files: readonly OutputFile[]): PictureGrid {
  const shown = files.slice(0, MOST_SHOWN);
  return { columns: Math.ceil(Math.sqrt(shown.length)), shown, more: files.length - shown.length };
}

/** All that a node shows: what it made last, else what it loads. */
export function picturesIn(node: GraphNode, of: Interface, run: NodeRun | undefined): readonly OutputFile[] {
  const made = madeBy(run);
  if (made.length > 0) return made;
  const loaded = pictureIn(node, of, run);
  return loaded ? [loaded] : [];
}

export function pictureIn(node: GraphNode, of: Interface, run: NodeRun | undefined): OutputFile | null {
  const made = madeBy(run)[0];
  if (made) return made;
  const input = of.inputs.find((one) => one.widget?.widget === "file" && one.widget.folder === "input");
  const loaded = input ? valueOf(input, node.inputs?.[input.name]) : undefined;
  return typeof loaded === "string" && loaded ? { folder: "input", name: loaded } : null;
}
