// What a person calls a node: its own title, else what its type is called; of a node in subgraphs, the way to it.
import type { Catalogue } from "@/model/catalogue";
import { graphAt, SUBGRAPH, type Document, type Graph, type Scope } from "@/model/document";
import { interfaceIn, type Interface } from "@/model/interface";

/** The title of a node of a graph; its name where there is no such node. */
export function titleIn(graph: Graph, name: string, document: Document, catalogue: Catalogue): string {
  const node = graph.nodes[name];
  return node ? node.title || interfaceIn(name, graph, document, catalogue).title : name;
}

/** The titles on the way to a node that is told by its whole name, such as `48:31`. */
export function titlesTo(whole: string, document: Document, catalogue: Catalogue): string {
  return titlesOnTheWay(whole, document, catalogue).join(" › ");
}

/** The same from an instance of a subgraph on, whose whole name that of the node begins with. */
export function titlesInside(instance: string, whole: string, document: Document, catalogue: Catalogue): string {
  return titlesOnTheWay(whole, document, catalogue).slice(instance.split(":").length).join(" › ");
}

/** An input or output as the service writes it in a text: `48:31.seed`. */
const PORT = /(?<![\w:.-])((?:[\w-]+:)*[\w-]+)\.(\w+)(?![\w.-])/g;

/** A node as the service writes it in a text. */
const QUOTED = /`((?:[\w-]+:)*[\w-]+)`/g;

/** A text of the service with the titles of nodes beside what it calls them, their inputs and outputs: `KSampler (3.seed)`. */
export function withTitles(text: string, document: Document, catalogue: Catalogue): string {
  const titled = text.replace(QUOTED, (quoted, whole: string) => (interfaceAt(whole, document, catalogue) ? `${titlesTo(whole, document, catalogue)} (${whole})` : quoted));
  return titled.replace(PORT, (port, whole: string, name: string) => {
    const of = interfaceAt(whole, document, catalogue);
    const isPort = of !== null && [...of.inputs, ...of.outputs].some((one) => one.name === name);
    return isPort ? `${titlesTo(whole, document, catalogue)} (${port})` : port;
  });
}

function interfaceAt(whole: string, document: Document, catalogue: Catalogue): Interface | null {
  const names = whole.split(":");
  let graph: Graph = document as Graph;
  for (const name of names.slice(0, -1)) {
    const type = graph.nodes[name]?.type;
    if (!type?.startsWith(SUBGRAPH)) return null;
    graph = graphAt(document, type.slice(SUBGRAPH.length));
  }
  const last = names.at(-1)!;
  return graph.nodes[last] ? interfaceIn(last, graph, document, catalogue) : null;
}

function titlesOnTheWay(whole: string, document: Document, catalogue: Catalogue): string[] {
  let scope: Scope | null = "";
  return whole.split(":").map((name) => {
    if (scope === null) return name;
    const graph = graphAt(document, scope);
    const type = graph.nodes[name]?.type;
    const title = titleIn(graph, name, document, catalogue);
    scope = type?.startsWith(SUBGRAPH) ? type.slice(SUBGRAPH.length) : null;
    return title;
  });
}
