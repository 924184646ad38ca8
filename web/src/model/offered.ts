// What the palette finds: node types, subgraphs, of this document and those kept for all, and what on a canvas is no node.
import type { Catalogue, NodeSpec } from "@/model/catalogue";
import { SUBGRAPH, type Document, type Scope } from "@/model/document";
import { interfaceOf } from "@/model/interface";
import { specOf, withPublished, type Published } from "@/model/published";
import { contains } from "@/model/subgraph";

/** Before the name of what is no node, in the place of a node's type. */
export const THING = "canvas:";
export const THINGS = ["note", "group", "subgraph"] as const;
export type Thing = (typeof THINGS)[number];

/** What they are called, and what else they are looked for by, in the language that is spoken. */
export type Things = Record<Thing, { title: string; about: string; words: readonly string[] }>;

/** What can be put into a graph of a document: nothing that it is in itself. */
export function offered(catalogue: Catalogue, kept: readonly Published[], document: Document, scope: Scope, things: Things): Catalogue {
  const own = Object.keys(document.subgraphs ?? {}).flatMap((id) => (id === scope || contains(document, id, scope) ? [] : (specOfOwn(id, document, catalogue) ?? [])));
  const fitting = scope === "" ? kept : kept.filter((one) => withPublished(document, scope, one, [0, 0]) !== null);
  const others = [...fitting.flatMap((one) => specOf(one, catalogue) ?? []), ...own, ...THINGS.map((thing) => specOfThing(thing, things))];
  return new Map([...catalogue, ...others.map((spec) => [spec.type, spec] as const)]);
}

/** A subgraph of the document, of which there can be more instances. */
function specOfOwn(id: string, document: Document, catalogue: Catalogue): NodeSpec | null {
  const of = interfaceOf(SUBGRAPH + id, document, catalogue);
  return of && { type: SUBGRAPH + id, category: "subgraphs", display_name: of.title, description: "", module: "", inputs: [...of.inputs], outputs: [...of.outputs] };
}

function specOfThing(thing: Thing, things: Things): NodeSpec {
  const { title, about, words } = things[thing];
  return { type: THING + thing, category: "canvas", display_name: title, description: about, module: "", inputs: [], outputs: [], words: [thing, ...words] };
}
