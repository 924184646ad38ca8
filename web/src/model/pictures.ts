// Which picture a node shows: what it made last, else what it loads.
import type { GraphNode } from "@/model/document";
import type { Interface } from "@/model/interface";
import type { PlanNode } from "@/model/plan";
import type { NodeOutput, NodeRun, OutputFile } from "@/model/runs";
import { valueOf } from "@/model/value";

const PICTURES = /\.(png|jpe?g|webp|gif|avif)$/i;

/** What a node made: at its last run, else at one before this page was, where the service knows it still. */
export function outputOf(run: NodeRun | undefined, plan: PlanNode | undefined): NodeOutput | undefined {
  return run?.output ?? plan?.output;
}

export function madeBy(output: NodeOutput | undefined): OutputFile[] {
  return output?.files?.filter((file) => PICTURES.test(file.name)) ?? [];
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
export function picturesIn(node: GraphNode, of: Interface, made: NodeOutput | undefined): readonly OutputFile[] {
  const pictures = madeBy(made);
  if (pictures.length > 0) return pictures;
  const loaded = pictureIn(node, of, made);
  return loaded ? [loaded] : [];
}

export function pictureIn(node: GraphNode, of: Interface, made: NodeOutput | undefined): OutputFile | null {
  const first = madeBy(made)[0];
  if (first) return first;
  const input = of.inputs.find((one) => one.widget?.widget === "file" && one.widget.folder === "input");
  const loaded = input ? valueOf(input, node.inputs?.[input.name]) : undefined;
  return typeof loaded === "string" && loaded ? { folder: "input", name: loaded } : null;
}
