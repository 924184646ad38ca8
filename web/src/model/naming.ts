// What a person calls a node: its own title, else what its type is called; of a node in subgraphs, the way to it.
import type { Catalogue } from "@/model/catalogue";
import { graphAt, SUBGRAPH, type Document, type Graph, type Scope } from "@/model/document";
import { interfaceIn } from "@/model/interface";

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
