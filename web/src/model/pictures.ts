// Which picture a node shows: what it made last, else what it loads.
import type { GraphNode } from "@/model/document";
import type { Interface } from "@/model/interface";
import type { NodeRun, OutputFile } from "@/model/runs";
import { valueOf } from "@/model/value";

const PICTURES = /\.(png|jpe?g|webp|gif|avif)$/i;

export function madeBy(run: NodeRun | undefined): OutputFile[] {
  return run?.output?.files?.filter((file) => PICTURES.test(file.name)) ?? [];
}

export function pictureIn(node: GraphNode, of: Interface, run: NodeRun | undefined): OutputFile | null {
  const made = madeBy(run)[0];
  if (made) return made;
  const input = of.inputs.find((one) => one.widget?.widget === "file" && one.widget.folder === "input");
  const loaded = input ? valueOf(input, node.inputs?.[input.name]) : undefined;
  return typeof loaded === "string" && loaded ? { folder: "input", name: loaded } : null;
}
