// What can be done to the links of a node without a pointer: made, taken away, moved from one output to another. The two ends of a
// subgraph are there like nodes.
import type { Messages } from "@/i18n/messages";
import { boundaryOf, NEW, type BoundaryNode } from "@/model/boundary";
import type { Catalogue } from "@/model/catalogue";
import { refusalOf, type Target } from "@/model/connect";
import { graphAt, type Document, type Graph, type Scope, type Source } from "@/model/document";
import { link, linksFrom } from "@/model/edit";
import { interfaceIn, type Interface } from "@/model/interface";
import { connect, sourceInto } from "@/model/linking";
import { unlinkAny } from "@/model/subgraph";

export interface LinkChoice {
  text: string;
  /** What undo calls it. */
  label: string;
  change: (graph: Graph) => Graph;
}

interface Place {
  document: Document;
  scope: Scope;
  catalogue: Catalogue;
  t: Messages;
}

/** All choices for a node: new links first. */
export function linkChoices(name: string, place: Place): LinkChoice[] {
  const graph = graphAt(place.document, place.scope);
  const own = interfaceIn(name, graph, place.document, place.catalogue);
  const others = Object.keys(graph.nodes).map((id) => ({ id, of: interfaceIn(id, graph, place.document, place.catalogue) }));
  const ends = place.scope === "" ? [] : boundaryOf(graph, place.document, place.scope, place.catalogue, place.t.canvas.ends);
  return [
    ...others.flatMap((other) => linksBetween(name, own, other, graph, place)),
    ...ends.flatMap((end) => linksToEnd(name, own, end, graph, place)),
    ...unlinkings(name, own, ends, graph, place),
    ...others.flatMap((other) => movings(name, own, other, graph, place)),
  ];
}

interface Other {
  id: string;
  of: Interface;
}

const titleOf = ({ id, of }: Other, graph: Graph): string => graph.nodes[id]?.title ?? of.title;

function linksBetween(name: string, own: Interface, other: Other, graph: Graph, { document, catalogue, t }: Place): LinkChoice[] {
  const title = titleOf(other, graph);
  const fits = (from: Source, to: Target) => refusalOf(from, to, graph, document, catalogue) === null;
  const given = own.outputs.flatMap(({ name: output }) =>
    other.of.inputs.flatMap(({ name: input }) => {
      const [from, to] = [{ node: name, output }, { node: other.id, input }];
      return fits(from, to) ? [linking(from, to, t.connect.to(output, title, input), t)] : [];
    }),
  );
  const taken = own.inputs.flatMap(({ name: input }) =>
    other.of.outputs.flatMap(({ name: output }) => {
      const [from, to] = [{ node: other.id, output }, { node: name, input }];
      return fits(from, to) ? [linking(from, to, t.connect.from(input, title, output), t)] : [];
    }),
  );
  return [...given, ...taken];
}

/** Links to the inputs or outputs of the subgraph: to those that it has, or to new ones. */
function linksToEnd(name: string, own: Interface, end: BoundaryNode, graph: Graph, { document, catalogue, t }: Place): LinkChoice[] {
  const written = (port: string) => (port === NEW ? t.connect.aNewOne : port);
  const taken = end.of.outputs.flatMap((output) =>
    own.inputs.flatMap((input) => {
      const [from, to] = [{ node: end.id, output: output.name }, { node: name, input: input.name }];
      return refusalOf(from, to, graph, document, catalogue) === null ? [linking(from, to, t.connect.from(input.name, end.of.title, written(output.name)), t)] : [];
    }),
  );
  const given = end.of.inputs.flatMap((input) =>
    own.outputs.map((output) => linking({ node: name, output: output.name }, { node: end.id, input: input.name }, t.connect.to(output.name, end.of.title, written(input.name)), t)),
  );
  return [...taken, ...given];
}

function linking(from: Source, to: Target, text: string, t: Messages): LinkChoice {
  return { text, label: t.edits.link, change: (graph) => connect(graph, from, to, null) };
}

/** The links into a node, and those from it to the outputs of the subgraph, taken away. */
function unlinkings(name: string, own: Interface, ends: readonly BoundaryNode[], graph: Graph, { scope, t }: Place): LinkChoice[] {
  const unlinking = (to: Target, text: string): LinkChoice => ({ text, label: t.edits.unlink, change: (current) => unlinkAny(current, to) });
  const into = own.inputs.map(({ name: input }) => ({ node: name, input })).filter((to) => sourceInto(graph, scope, to) !== null);
  const out = ends.flatMap((end) =>
    end.of.inputs.map(({ name: input }) => ({ to: { node: end.id, input }, title: end.of.title })).filter(({ to }) => sourceInto(graph, scope, to)?.node === name),
  );
  return [...into.map((to) => unlinking(to, t.connect.unlink(to.input))), ...out.map(({ to, title }) => unlinking(to, t.connect.unlinkFrom(title, to.input)))];
}

/** All links of an output, moved to an output of another node that fits every one of them. */
function movings(name: string, own: Interface, other: Other, graph: Graph, { document, catalogue, t }: Place): LinkChoice[] {
  if (other.id === name) return [];
  return own.outputs.flatMap(({ name: output }) => {
    const targets = linksFrom(graph, { node: name, output });
    if (targets.length === 0) return [];
    return other.of.outputs.flatMap((wanted): LinkChoice[] => {
      const from = { node: other.id, output: wanted.name };
      if (!targets.every((to) => refusalOf(from, to, graph, document, catalogue) === null)) return [];
      return [{ text: t.connect.moveAll(output, titleOf(other, graph), wanted.name), label: t.edits.moveLinks, change: (current) => targets.reduce((next, to) => link(next, from, to), current) }];
    });
  });
}
