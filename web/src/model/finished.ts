// What a job that still runs need not do again: the nodes that it has finished and that the document still asks for as it did when the
// job was asked for. After an edit that is no longer known of what was edited, nor of anything below it.
import { downstreamOfAll } from "@/model/connect";
import { graphAt, sameWork, sameWorkIn, sameWorkOf, SUBGRAPH, type Document, type Graph } from "@/model/document";

/** Of the nodes that a job has finished, by flat name, those that are as they were `asked` for. */
export function stillFinished(finished: ReadonlySet<string>, asked: Document, now: Document): ReadonlySet<string> {
  if (sameWork(asked, now)) return finished;
  const others = changed(asked, now);
  return new Set([...finished].filter((name) => !others.has(outermost(name))));
}

const outermost = (name: string): string => name.split(":", 1)[0]!;

/** The nodes of a document that compute something else than before, with all that is below them. */
function changed(before: Document, now: Document): ReadonlySet<string> {
  const subgraphs = changedSubgraphs(before, now);
  const names = new Set([...Object.keys(before.nodes), ...Object.keys(now.nodes)]);
  const first = [...names].filter((name) => {
    const node = now.nodes[name];
    return !node || !sameWorkOf(before.nodes[name], node) || subgraphs.has(node.type);
  });
  return downstreamOfAll(first, now as Graph);
}

/** The types of instances of subgraphs that are not as before, or have such instances inside. */
function changedSubgraphs(before: Document, now: Document): ReadonlySet<string> {
  const names = Object.keys(now.subgraphs ?? {});
  const found = new Set(names.filter((name) => !sameWorkIn(graphAt(before, name), graphAt(now, name))).map((name) => SUBGRAPH + name));
  const hasChangedInside = (name: string) => Object.values(graphAt(now, name).nodes).some((node) => found.has(node.type));
  for (let count = -1; count !== found.size; ) {
    count = found.size;
    for (const name of names) if (hasChangedInside(name)) found.add(SUBGRAPH + name);
  }
  return found;
}
