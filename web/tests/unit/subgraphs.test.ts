// What a document computes, and how its links are drawn, before and after subgraphs are made, unpacked and pasted.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copied } from "@/model/clipboard";
import { graphAt, groupsOf, linkOf, notesOf, reroutesOf, SUBGRAPH, viaOf, withWhole, type Document, type Graph, type GraphNode } from "@/model/document";
import { addGroup, addNote, addPoint, setMode } from "@/model/edit";
import { createSubgraph } from "@/model/packing";
import { pasted } from "@/model/pasting";
import { unpackSubgraph } from "@/model/unpacking";
import { documentOf, template } from "./documents";

const start = template("text_to_image");

/** A document as it is computed: the nodes inside of instances by `instance:inner`, each with where its inputs really come from. */
function flat(document: Document): Record<string, unknown> {
  const nodes: Record<string, unknown> = {};
  const source = (graph: Graph, prefix: string, node: string, output: string): unknown => {
    const type = graph.nodes[node]?.type ?? "";
    if (!type.startsWith(SUBGRAPH)) return [prefix + node, output];
    const inner = graphAt(document, type.slice(SUBGRAPH.length));
    const from = inner.outputs?.find((one) => one.name === output)?.from;
    return from ? source(inner, `${prefix}${node}:`, ...from) : null;
  };
  const lay = (graph: Graph, prefix: string, given: Record<string, Record<string, unknown>>) => {
    for (const [name, node] of Object.entries(graph.nodes)) {
      const own = Object.entries(node.inputs ?? {}).map(([input, value]) => {
        const from = linkOf(value);
        return [input, from ? { from: source(graph, prefix, from.node, from.output) } : value] as const;
      });
      const inputs = { ...Object.fromEntries(own), ...given[name] };
      if (!node.type.startsWith(SUBGRAPH)) {
        nodes[prefix + name] = { type: node.type, mode: node.mode ?? "on", inputs };
        continue;
      }
      const inner = graphAt(document, node.type.slice(SUBGRAPH.length));
      const inward: Record<string, Record<string, unknown>> = {};
      for (const { name: parameter, binds } of inner.parameters ?? []) {
        if (!(parameter in inputs)) continue;
        for (const [target, input] of binds) inward[target] = { ...inward[target], [input]: inputs[parameter] };
      }
      lay(inner, `${prefix}${name}:`, inward);
    }
  };
  lay(document as Graph, "", {});
  return nodes;
}

/** The same without the names of the instances: unpacked nodes have lost them. */
const innermost = (nodes: Record<string, unknown>): unknown => JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(nodes).sort(([one], [other]) => (last(one) < last(other) ? -1 : 1)).map(([name, node]) => [last(name), node]))).replace(/"(?:[^":]+:)+([^":]+)"/g, '"$1"'));
const last = (name: string) => name.split(":").at(-1)!;

const pointsOf = (graph: Graph, node: string, input: string) => viaOf(graph.nodes[node]!, input, reroutesOf(graph)).map((one) => one.pos);

describe("points of links", () => {
  const inner = { node: "decode", input: "samples" };
  const entering = { node: "sampler", input: "model" };
  const leaving = { node: "save", input: "images" };
  const pointed = addPoint(addPoint(addPoint(addPoint(start, inner, [1, 1]), inner, [2, 2]), entering, [3, 3]), leaving, [4, 4]) as Document;
  const made = createSubgraph(pointed, "", new Set(["sampler", "decode"]), "Sampling")!;

  test("go into a subgraph with the links inside, and stay outside with those that come in or go out", () => {
    expect(pointsOf(graphAt(made.document, "Sampling"), "decode", "samples")).toEqual([[1, 1], [2, 2]]);
    expect(pointsOf(made.document, made.name, "model")).toEqual([[3, 3]]);
    expect(pointsOf(made.document, "save", "images")).toEqual([[4, 4]]);
    expect([...reroutesOf(made.document).values()].map((one) => one.pos)).toEqual([[3, 3], [4, 4]]);
    expect(graphAt(made.document, "Sampling").nodes["sampler"]!.ui).not.toHaveProperty("via");
  });

  test("come out of it again, moved along with the nodes, and are none of those outside", () => {
    const { document } = unpackSubgraph(made.document, "", made.name)!;
    const corner = (one: Document) => one.nodes["decode"]!.ui!["pos"] as [number, number];
    const shift = [0, 1].map((axis) => corner(document)[axis]! - corner(start)[axis]!);
    expect(pointsOf(document, "decode", "samples")).toEqual([[1 + shift[0]!, 1 + shift[1]!], [2 + shift[0]!, 2 + shift[1]!]]);
    expect(pointsOf(document, "sampler", "model")).toEqual([[3, 3]]);
    expect(pointsOf(document, "save", "images")).toEqual([[4, 4]]);
  });

  test("are copied with links among what is copied, as points of their own", () => {
    const clip = copied(pointed, pointed, new Set(["sampler", "decode"]))!;
    const { graph, names } = pasted(pointed, pointed, clip, [0, 0], true);
    expect(pointsOf(graph, names[1]!, "samples")).toHaveLength(2);
    expect(pointsOf(graph, names[0]!, "model")).toEqual([]);
    expect(pointsOf(graph, "decode", "samples")).toEqual([[1, 1], [2, 2]]);
    expect(reroutesOf(graph).size).toBe(6);
  });
});

test("notes and frames of a subgraph come out with its nodes, beside those that are there", () => {
  const made = createSubgraph(start, "", new Set(["sampler"]), "One")!;
  const noted = addNote(made.document, { text: "outside", pos: [0, 0], size: [10, 10] }).graph;
  const inside = addGroup(addNote(graphAt(made.document, "One"), { text: "inside", pos: [0, 0], size: [10, 10] }).graph, { title: "frame", pos: [0, 0], size: [50, 50] });
  const { document } = unpackSubgraph(withWhole(noted as Document, "One", inside), "", made.name)!;
  expect(notesOf(document).map((one) => one.text)).toEqual(["outside", "inside"]);
  expect(new Set(notesOf(document).map((one) => one.id)).size).toBe(2);
  expect(groupsOf(document).map((one) => one.title)).toEqual(["frame"]);
});

describe("the mode of an instance", () => {
  const made = createSubgraph(start, "", new Set(["sampler", "decode"]), "One")!;

  test("that is muted is that of all that was in it", () => {
    const { document, names } = unpackSubgraph(setMode(made.document, [made.name], "mute") as Document, "", made.name)!;
    expect(names.map((name) => document.nodes[name]!.mode)).toEqual(["mute", "mute"]);
  });

  test("that is bypassed could not be kept: it is not unpacked", () => {
    expect(unpackSubgraph(setMode(made.document, [made.name], "bypass") as Document, "", made.name)).toBeNull();
  });
});

test("an inner node of the instance's own name keeps its links when the instance is unpacked", () => {
  const outer = createSubgraph(start, "", new Set(["sampler", "decode"]), "Outer")!;
  const nested = createSubgraph(outer.document, "Outer", new Set(["sampler"]), "Inner")!;
  expect(nested.name).toBe(outer.name);
  const { document } = unpackSubgraph(nested.document, "", outer.name)!;
  expect(innermost(flat(document))).toEqual(innermost(flat(start)));
});

test("inputs of one parameter with different values keep them inside a subgraph", () => {
  const two = documentOf(
    { a: { type: "CLIPTextEncode", inputs: { text: "one" } }, b: { type: "CLIPTextEncode", inputs: { text: "other" } } },
    { parameters: [{ name: "text", binds: [["a", "text"], ["b", "text"]] }] },
  );
  const made = createSubgraph(two, "", new Set(["a", "b"]), "Both")!;
  expect(innermost(flat(made.document))).toEqual(innermost(flat(two)));
});

describe("a subgraph in a subgraph", () => {
  const holding = (steps: number): Document =>
    documentOf({ top: { type: "subgraph:A" } }, { subgraphs: { A: { name: "A", nodes: { middle: { type: "subgraph:B" } } }, B: { name: "B", nodes: { deep: { type: "KSampler", inputs: { steps } } } } } });
  const put = (into: Document, from: Document) => {
    const made = pasted(into, into, copied(from, from, new Set(["top"]))!, [0, 0], false);
    return { document: withWhole(made.document, "", made.graph), name: made.names[0]! };
  };

  test("is what it was where another has its name, and those that hold it are others too", () => {
    const { document, name } = put(holding(1), holding(2));
    expect(flat(document)).toEqual({ "top:middle:deep": flat(holding(1))["top:middle:deep"], [`${name}:middle:deep`]: flat(holding(2))["top:middle:deep"] });
    expect(Object.keys(document.subgraphs!).sort()).toEqual(["A", "A_2", "B", "B_2"]);
  });

  test("is shared all the way down where all is the same, also by what was pasted before", () => {
    expect(Object.keys(put(holding(1), holding(1)).document.subgraphs!)).toEqual(["A", "B"]);
    const twice = put(put(holding(1), holding(2)).document, holding(2));
    expect(Object.keys(twice.document.subgraphs!).sort()).toEqual(["A", "A_2", "B", "B_2"]);
  });

  test("does not take the name of one that is pasted with it", () => {
    const from = documentOf({ top: { type: "subgraph:A" } }, { subgraphs: { A: { nodes: { middle: { type: "subgraph:A_2" } } }, A_2: { nodes: { deep: { type: "KSampler" } } } } });
    const into = documentOf({ top: { type: "subgraph:A" } }, { subgraphs: { A: { nodes: {} } } });
    const { document, name } = put(into, from);
    expect(Object.keys(flat(document))).toEqual([`${name}:middle:deep`]);
  });
});

describe("whatever the graph,", () => {
  const letters = ["a", "b", "c", "d", "e"];
  const graphs = fc
    .record({ links: fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.nat(2)), { maxLength: 12 }), values: fc.array(fc.nat(9), { minLength: 5, maxLength: 5 }), chosen: fc.uniqueArray(fc.nat(4), { minLength: 1 }), bound: fc.array(fc.tuple(fc.nat(4), fc.nat(1)), { maxLength: 4 }) })
    .map(({ links, values, chosen, bound }) => {
      const nodes: Record<string, GraphNode> = Object.fromEntries(letters.map((name, index) => [name, { type: "Node", inputs: { value: values[index]! }, ui: { pos: [index, index] } }]));
      for (const [from, to, input] of links) if (from < to) nodes[letters[to]!]!.inputs![`in${input}`] = { from: [letters[from]!, `out${input % 2}`] };
      const parameters = [0, 1].map((number) => ({ name: `p${number}`, binds: [...new Map(bound.filter(([, one]) => one === number).map(([node]): [number, [string, string]] => [node, [letters[node]!, "value"]])).values()] }));
      return { document: documentOf(nodes, { parameters: parameters.filter((one) => one.binds.length > 0) }), chosen: new Set(chosen.map((index) => letters[index]!)) };
    });

  test("a subgraph of some of it computes the same, and unpacked is the same", () => {
    fc.assert(
      fc.property(graphs, ({ document, chosen }) => {
        const made = createSubgraph(document, "", chosen, "Made")!;
        expect(innermost(flat(made.document))).toEqual(innermost(flat(document)));
        const back = unpackSubgraph(made.document, "", made.name)!.document;
        expect(innermost(flat(back))).toEqual(innermost(flat(document)));
        const binds = (one: Document) => (one.parameters ?? []).map(({ name, binds: all }) => [name, [...all].sort()]);
        expect(binds(back)).toEqual(binds(document));
      }),
    );
  });

  test("what is copied and pasted elsewhere computes the same", () => {
    fc.assert(
      fc.property(graphs, ({ document, chosen }) => {
        const made = createSubgraph(document, "", chosen, "Made")!.document;
        const into = documentOf({}, { subgraphs: { Made: { name: "Made", nodes: { other: { type: "Node" } } } } });
        const put = pasted(into, into, copied(made, made, new Set(Object.keys(made.nodes)))!, [0, 0], false);
        expect(flat(withWhole(put.document, "", put.graph))).toEqual(flat(made));
      }),
    );
  });
});
