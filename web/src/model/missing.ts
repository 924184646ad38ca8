// What a document names that is not here: node types, files, files that a text mentions, choices, and inputs and outputs that a node had
// in another version.
// Nothing of it is ever dropped: it stays in the document until a person chooses what stands in for it.
import type { Catalogue, InputSpec, TextSchema } from "@/model/catalogue";
import { graphAt, linkOf, linkTo, literalOf, SUBGRAPH, withGraph, withNode, type Document, type Graph, type GraphNode, type Scope, type Source } from "@/model/document";
import { resetInput, setInput, unlink } from "@/model/edit";
import { interfaceOf, type Interface } from "@/model/interface";
import { mentionsIn, withMention } from "@/model/mentions";
import { NEAR, nearestOf } from "@/model/nearest";
import { accepts } from "@/model/ports";
import { placed, unnamedOf, withPlaced, type Placed } from "@/model/unnamed";

/** Where something is named: a node of a graph of the document, and its input where it is one. */
export interface Naming {
  scope: Scope;
  node: string;
  input?: string;
}

interface Named {
  /** What is not here, as the document writes it. */
  name: string;
  at: readonly Naming[];
  /** What is here and nearest to it, the nearest first. */
  offers: readonly string[];
}

export type Lack =
  | (Named & { kind: "type" })
  | (Named & { kind: "file"; folder: string })
  /** A file that texts mention, as prompts do embeddings. */
  | (Named & { kind: "mention"; folder: string })
  | (Named & { kind: "choice"; of: string; input: string; options: readonly string[] })
  /** The node type has no such input: `value` is what the first of them holds, undefined for a link. */
  | (Named & { kind: "input"; of: string; value: unknown })
  /** The node type has no such output; `at` are the inputs that it was linked to. */
  | (Named & { kind: "output"; of: string; from: readonly Naming[] });

/** The files of a folder; null where they are not known. */
export type FilesIn = (folder: string) => readonly string[] | null;

const MOST_OFFERS = 3;
/** How much alike names must be, 0 to 1: node types share many words, inputs few letters. */
const ALIKE = { type: 0.55, file: NEAR, name: 0.4 };

export function lacksOf(document: Document, catalogue: Catalogue, filesIn: FilesIn): Lack[] {
  const found = new Map<string, Lack>();
  const add = (key: string, naming: Naming, make: () => Lack) => {
    const known = found.get(key);
    found.set(key, known ? { ...known, at: [...known.at, naming] } : make());
  };
  for (const scope of ["", ...Object.keys(document.subgraphs ?? {})]) {
    const graph = graphAt(document, scope);
    for (const [name, node] of Object.entries(graph.nodes)) {
      const of = interfaceOf(node.type, document, catalogue);
      if (!of) {
        const types = [...catalogue.keys(), ...Object.keys(document.subgraphs ?? {}).map((one) => SUBGRAPH + one)];
        const at = { scope, node: name };
        add(`type\n${node.type}`, at, () => ({ kind: "type", name: node.type, at: [at], offers: nearestOf(node.type, types, ALIKE.type, MOST_OFFERS) }));
        continue;
      }
      for (const [input, value] of Object.entries(node.inputs ?? {})) {
        const at: Naming = { scope, node: name, input };
        const port = of.inputs.find((one) => one.name === input);
        if (!port) {
          const free = of.inputs.map((one) => one.name).filter((one) => node.inputs?.[one] === undefined);
          const renamed = of.spec?.aliases?.[input];
          const offers = renamed === undefined ? nearestOf(input, free, ALIKE.name, MOST_OFFERS) : [renamed];
          add(`input\n${node.type}\n${input}`, at, () => ({ kind: "input", name: input, of: node.type, value: literalOf(value), at: [at], offers }));
          continue;
        }
        const source = linkOf(value);
        if (source) lostOutput(source, port, at, graph, document, catalogue, add);
        else lostValue(port, literalOf(value), node.type, at, filesIn, add);
      }
    }
  }
  return [...found.values()];
}

type Add = (key: string, naming: Naming, make: () => Lack) => void;

function lostValue(port: InputSpec, value: unknown, of: string, at: Naming, filesIn: FilesIn, add: Add): void {
  if (typeof value !== "string" || value === "") return;
  const { widget } = port;
  if (widget?.widget === "choice" && !widget.options.includes(value)) {
    const offers = nearestOf(value, widget.options, ALIKE.name, MOST_OFFERS);
    add(`choice\n${of}\n${port.name}\n${value}`, at, () => ({ kind: "choice", name: value, of, input: port.name, options: widget.options, at: [at], offers }));
  }
  if (widget?.widget === "text") lostMentions(widget, value, at, filesIn, add);
  if (widget?.widget !== "file") return;
  const { folder, name } = meant(widget.folder, value);
  const files = filesIn(folder);
  if (files === null || files.includes(name) || widget.extra?.some((one) => one.name === value)) return;
  add(`file\n${folder}\n${name}`, at, () => ({ kind: "file", name, folder, at: [at], offers: nearestOf(name, files, ALIKE.file, MOST_OFFERS) }));
}

function lostMentions(widget: TextSchema, text: string, at: Naming, filesIn: FilesIn, add: Add): void {
  const folder = widget.mentions;
  const files = folder === undefined ? null : filesIn(folder);
  if (folder === undefined || files === null) return;
  for (const { name, isKnown } of mentionsIn(text, widget, files)) {
    if (!isKnown) add(`mention\n${folder}\n${name}`, at, () => ({ kind: "mention", name, folder, at: [at], offers: nearestOf(name, files, ALIKE.file, MOST_OFFERS) }));
  }
}

function lostOutput(source: Source, port: InputSpec, at: Naming, graph: Graph, document: Document, catalogue: Catalogue, add: Add): void {
  const node = graph.nodes[source.node];
  const of = node && interfaceOf(node.type, document, catalogue);
  if (!node || !of || of.outputs.some((one) => one.name === source.output)) return;
  const fitting = of.outputs.filter((one) => accepts(port.type, one.type).ok).map((one) => one.name);
  const near = nearestOf(source.output, fitting, ALIKE.name, MOST_OFFERS);
  const offers = near.length > 0 ? near : fitting.slice(0, MOST_OFFERS);
  const from = { scope: at.scope, node: source.node };
  add(`output\n${node.type}\n${source.output}\n${port.type}`, at, () => ({ kind: "output", name: source.output, of: node.type, from: [from], at: [at], offers }));
}

const PICTURES = new Set(["input", "output", "temp"]);
const ANNOTATED = /^(.*) \[(input|output|temp)\]$/;

/** The folder and the name in it that a name speaks of, as the service reads it (`Folders.meant` in nodes/folders.py). */
function meant(folder: string, name: string): { folder: string; name: string } {
  if (!PICTURES.has(folder)) return { folder, name: name.replaceAll("\\", "/") };
  const found = ANNOTATED.exec(name);
  return found ? { folder: found[2]!, name: found[1]! } : { folder, name };
}

/** The codes of the service's problems that say so (graph/bind.py). */
const CODES: Readonly<Record<string, Lack["kind"]>> = { unknown_type: "type", file_not_found: "file", not_a_choice: "choice", unknown_input: "input", unknown_output: "output" };

/** What a problem of the service says is not here, at that one place; null for other problems. */
export function lackBehind({ code, node, input }: { code: string; node?: string | null; input?: string | null }, lacks: readonly Lack[], document: Document): Lack | null {
  const kind = CODES[code];
  const place = node ? placeOf(node, document) : null;
  if (!kind || !place) return null;
  const isThere = (one: Naming) => one.scope === place.scope && one.node === place.node && (kind === "type" || one.input === input);
  const lack = lacks.find((one) => one.kind === kind && one.at.some(isThere));
  return lack ? { ...lack, at: lack.at.filter(isThere) } : null;
}

/** Where a node is by its whole name, `instance:inner`. */
function placeOf(name: string, document: Document): Naming | null {
  const [node, ...instances] = name.split(":").reverse();
  let scope: Scope = "";
  for (const instance of instances.reverse()) {
    const type = graphAt(document, scope).nodes[instance]?.type;
    if (!type?.startsWith(SUBGRAPH)) return null;
    scope = type.slice(SUBGRAPH.length);
  }
  return node !== undefined && Object.hasOwn(graphAt(document, scope).nodes, node) ? { scope, node } : null;
}

/** The document with `chosen` in the place of what is not here. Null takes an input or a link away. */
export function resolved(document: Document, lack: Lack, chosen: string | null, catalogue: Catalogue): Document {
  const inGraphs = (change: (graph: Graph, naming: Naming) => Graph) =>
    lack.at.reduce((next, naming) => withGraph(next, naming.scope, (graph) => change(graph, naming)), document);
  switch (lack.kind) {
    case "type": {
      const of = chosen === null ? null : interfaceOf(chosen, document, catalogue);
      return of ? inGraphs((graph, { node }) => retyped(graph, node, chosen!, of)) : document;
    }
    case "file":
    case "choice":
      return chosen === null ? document : inGraphs((graph, { node, input }) => setInput(graph, node, input!, chosen));
    case "mention":
      return chosen === null ? document : inGraphs((graph, { node, input }) => renamedMention(graph, node, input!, lack.name, chosen, document, catalogue));
    case "input":
      return inGraphs((graph, { node, input }) => (chosen === null ? resetInput(graph, node, input!) : renamedInput(graph, node, input!, chosen)));
    case "output":
      return inGraphs((graph, { node, input }) => {
        const source = linkOf(graph.nodes[node]?.inputs?.[input!]);
        if (chosen === null || !source) return unlink(graph, { node, input: input! });
        return withNode(graph, node, (one) => ({ ...one, inputs: { ...one.inputs, [input!]: linkTo({ node: source.node, output: chosen }) } }));
      });
  }
}

/** What becomes of values without names where a type is chosen for one that is not here, node by node; nodes that have none are left out. */
export function placedBy(lack: Lack, chosen: string, document: Document, catalogue: Catalogue): { at: Naming; placed: Placed }[] {
  const of = lack.kind === "type" ? interfaceOf(chosen, document, catalogue) : null;
  if (!of) return [];
  return lack.at.flatMap((at) => {
    const node = graphAt(document, at.scope).nodes[at.node];
    const listed = unnamedOf(node);
    return node && listed.length > 0 ? [{ at, placed: placed(listed, of.inputs, renamedInputs(node, of)) }] : [];
  });
}

/** Another type for a node. Values and links stay; those of inputs and outputs that are only written otherwise go to them, and values
 * without names to its widgets in their order. */
function retyped(graph: Graph, name: string, type: string, of: Interface): Graph {
  const outputs = of.outputs.map((one) => one.name);
  const changed = withNode(graph, name, (node) => {
    const inputs = renamedInputs(node, of);
    const listed = unnamedOf(node);
    return listed.length > 0 ? withPlaced({ ...node, type, inputs }, placed(listed, of.inputs, inputs)) : { ...node, type, inputs };
  });
  const nodes = Object.fromEntries(Object.entries(changed.nodes).map(([other, node]) => [other, relinked(node, name, outputs)]));
  return { ...changed, nodes };
}

function renamedInputs(node: GraphNode, of: Interface): NonNullable<GraphNode["inputs"]> {
  const names = of.inputs.map((one) => one.name);
  return Object.fromEntries(Object.entries(node.inputs ?? {}).map(([input, value]) => [sameName(input, names) ?? input, value]));
}

function relinked(node: GraphNode, from: string, outputs: readonly string[]): GraphNode {
  const entries = Object.entries(node.inputs ?? {});
  if (!entries.some(([, value]) => linkOf(value)?.node === from)) return node;
  const inputs = entries.map(([input, value]) => {
    const source = linkOf(value);
    if (source?.node !== from) return [input, value] as const;
    const output = sameName(source.output, outputs) ?? (outputs.length === 1 ? outputs[0]! : source.output);
    return [input, linkTo({ node: from, output })] as const;
  });
  return { ...node, inputs: Object.fromEntries(inputs) };
}

function sameName(name: string, names: readonly string[]): string | undefined {
  return names.find((one) => one === name) ?? names.find((one) => plain(one) === plain(name));
}

function renamedInput(graph: Graph, node: string, before: string, after: string): Graph {
  return withNode(graph, node, (one) => ({ ...one, inputs: Object.fromEntries(Object.entries(one.inputs ?? {}).map(([key, value]) => [key === before ? after : key, value])) }));
}

function renamedMention(graph: Graph, name: string, input: string, before: string, after: string, document: Document, catalogue: Catalogue): Graph {
  const node = graph.nodes[name];
  const widget = node && interfaceOf(node.type, document, catalogue)?.inputs.find((one) => one.name === input)?.widget;
  const text = literalOf(node?.inputs?.[input]);
  return widget?.widget === "text" && typeof text === "string" ? setInput(graph, name, input, withMention(text, widget, before, after)) : graph;
}

const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
