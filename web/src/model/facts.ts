// How a picture was made, in words: what each node of its workflow was given. Pure.
import type { Catalogue } from "@/model/catalogue";
import { literalOf, type Document, type GraphNode } from "@/model/document";
import { interfaceIn } from "@/model/interface";
import { writeJson } from "@/model/json";

export interface Section {
  title: string;
  rows: [string, string][];
}

const LONGEST = 4000;

/** The values that the nodes of a workflow were given, prompts and seeds among them. Nodes that were given none are left out. */
export function factsOf(document: Document, catalogue: Catalogue): Section[] {
  return Object.entries(document.nodes).flatMap(([name, node]) => {
    const rows = rowsOf(node);
    if (rows.length === 0 || node.mode === "mute") return [];
    return [{ title: node.title ?? interfaceIn(name, document, document, catalogue).title, rows }];
  });
}

function rowsOf(node: GraphNode): [string, string][] {
  return Object.entries(node.inputs ?? {}).flatMap(([input, given]): [string, string][] => {
    const value = literalOf(given);
    if (value === undefined || value === null || value === "") return [];
    const text = typeof value === "object" ? writeJson(value) : String(value);
    return [[input, text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text]];
  });
}
