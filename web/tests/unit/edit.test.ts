import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { copied } from "@/model/clipboard";
import { pasted } from "@/model/pasting";
import { linkOf, notesOf, positionOf, viaOf, reroutesOf, type Document, type Graph, type GraphNode } from "@/model/document";
import { addNode, addNote, addPoint, insertOnLink, link, move, removeDecoration, setMode } from "@/model/edit";
import { DENSITIES, geometryOf, previewRoom } from "@/model/geometry";
import { interfaceIn, interfaceOf, type Interface } from "@/model/interface";
import { createSubgraph } from "@/model/packing";
import { passingInput, removeNodes } from "@/model/removing";
import { renameSubgraph, renameSubgraphPort } from "@/model/renaming";
import { linkInputs, linkOutputs, promote } from "@/model/subgraph";
import { unpackSubgraph } from "@/model/unpacking";
import { catalogue, documentOf, template } from "./documents";

const start = template("text_to_image");

/** Every link of a document leads to a node that is there, in each of its graphs; so do its parameters and outputs. */
function expectWhole(document: Document): void {
  for (const graph of [document as Graph, ...Object.values(document.subgraphs ?? {})]) {
    const names = new Set(Object.keys(graph.nodes));
    for (const node of Object.values(graph.nodes)) for (const value of Object.values(node.inputs ?? {})) {
      const source = linkOf(value);
      if (source) expect(names).toContain(source.node);
    }
    for (const { binds } of graph.parameters ?? []) for (const [node] of binds) expect(names).toContain(node);
    for (const { from } of graph.outputs ?? []) expect(names).toContain(from[0]);
  }
}

describe("taking nodes away", () => {
  test("without healing takes their links with them", () => {
    const next = removeNodes(start, new Set(["sampler"]), null) as Document;
    expect(next.nodes["decode"]!.inputs!["samples"]).toBeUndefined();
    expectWhole(next);
    expect(start.nodes["sampler"]).toBeDefined();
  });

  test("with healing links what they passed on", () => {
    const next = removeNodes(start, new Set(["sampler"]), { document: start, catalogue });
    expect(linkOf(next.nodes["decode"]!.inputs!["samples"])).toEqual({ node: "latent", output: "LATENT" });
  });

  describe("with healing passes on, as a bypassed node does,", () => {
    const words = { type: "PrimitiveStringMultiline", inputs: { value: "a fox" } };
    const prompt = { type: "CLIPTextEncode", inputs: { text: { from: ["words", "STRING"] } } } as GraphNode;
    const without = (document: Document, ...names: string[]) => removeNodes(document, new Set(names), { document, catalogue });

    test("a value", () => expect(without(documentOf({ words, prompt }), "words").nodes["prompt"]!.inputs).toEqual({ text: "a fox" }));

    test("a value through several that go", () => {
      const more = { type: "PrimitiveStringMultiline", inputs: { value: { from: ["words", "STRING"] } } } as GraphNode;
      const last = { ...prompt, inputs: { text: { from: ["more", "STRING"] } } } as GraphNode;
      expect(without(documentOf({ words, more, last }), "more", "words").nodes["last"]!.inputs).toEqual({ text: "a fox" });
    });

    test("what a parameter sets", () => {
      const document = documentOf({ words, prompt }, { parameters: [{ name: "prompt", binds: [["words", "value"]] }] });
      const next = without(document, "words");
      expect(next.parameters).toEqual([{ name: "prompt", binds: [["prompt", "text"]] }]);
      expect(next.nodes["prompt"]!.inputs).toEqual({ text: "a fox" });
    });

    test("what comes into a subgraph, and what goes out of it", () => {
      const upscale = { type: "LatentUpscaleBy", inputs: {} };
      const decode = { type: "VAEDecode", inputs: { samples: { from: ["upscale", "LATENT"] } } } as GraphNode;
      const inside: Graph = { nodes: { upscale, decode }, parameters: [{ name: "latent", binds: [["upscale", "samples"]] }] };
      const next = removeNodes(inside, new Set(["upscale"]), { document: documentOf({}), catalogue });
      expect(next.parameters).toEqual([{ name: "latent", binds: [["decode", "samples"]] }]);

      const given = removeNodes({ ...start, outputs: [{ name: "out", from: ["sampler", "LATENT"] }] }, new Set(["sampler"]), { document: start, catalogue });
      expect(given.outputs).toEqual([{ name: "out", from: ["latent", "LATENT"] }]);
    });

    test("nothing where nothing given fits", () => expect(without(documentOf({ words: { type: "PrimitiveStringMultiline" }, prompt }), "words").nodes["prompt"]!.inputs).toEqual({}));
  });

  test("a parameter that led only to them goes", () => {
    const next = removeNodes(start, new Set(["positive"]), null);
    expect(next.parameters?.map((one) => one.name)).not.toContain("prompt");
    expectWhole(next as Document);
  });
});

test("a node put on a link is between its ends", () => {
  const { graph, name } = addNode(start, "LatentUpscale", [0, 0]);
  const next = insertOnLink(graph, name, { node: "decode", input: "samples" }, graph as Document, catalogue)!;
  expect(linkOf(next.nodes[name]!.inputs!["samples"])).toEqual({ node: "sampler", output: "LATENT" });
  expect(linkOf(next.nodes["decode"]!.inputs!["samples"])).toEqual({ node: name, output: "LATENT" });
});

test("a node that does not fit a link is not put on it", () => {
  const { graph, name } = addNode(start, "EmptyLatentImage", [0, 0]);
  expect(insertOnLink(graph, name, { node: "decode", input: "samples" }, graph as Document, catalogue)).toBeNull();
});

test("points of links are kept in order, moved and taken away", () => {
  const to = { node: "decode", input: "samples" };
  const two = addPoint(addPoint(start, to, [1, 1]), to, [2, 2]);
  const at = (graph: Graph) => viaOf(graph.nodes["decode"]!, "samples", reroutesOf(graph)).map((one) => one.pos);
  expect(at(two)).toEqual([[1, 1], [2, 2]]);
  expect(at(move(two, new Map([["point:1", [5, 5]]])))).toEqual([[5, 5], [2, 2]]);
  expect(at(removeDecoration(two, new Set(["point:1"])))).toEqual([[2, 2]]);
  expect(at(removeDecoration(two, new Set(["point:1", "point:2"])))).toEqual([]);
  expect(at(link(two, { node: "latent", output: "LATENT" }, to))).toEqual([]);
});

test("a link from the inputs of a subgraph, or to its outputs, gets no point", () => {
  for (const to of [{ node: "@outputs", input: "IMAGE" }, { node: "positive", input: "text" }]) expect(addPoint(start, to, [1, 1])).toBe(start);
});

describe("a bypassed node passes on", () => {
  const input = (name: string, type: string) => ({ name, type });
  const of = (inputs: { name: string; type: string }[], ...outputs: string[]): Interface => ({ title: "", kind: "node", inputs, outputs: outputs.map((type, index) => ({ name: `out${index}`, type, is_list: false })) });
  const given = (...names: string[]): GraphNode => ({ type: "x", inputs: Object.fromEntries(names.map((name) => [name, { from: ["other", "out"] }])) });
  const two = of([input("a", "IMAGE"), input("b", "IMAGE")], "IMAGE", "IMAGE");

  test.each([
    ["the input in the same position", given("a", "b"), two, "out1", "b"],
    ["else the first of the type", given("a"), two, "out1", "a"],
    ["else the first that fits", given("a"), of([input("a", "INT")], "FLOAT"), "out0", "a"],
    ["nothing that does not fit", given("a"), of([input("a", "FLOAT")], "INT"), "out0", null],
    ["nothing that is not given", given(), two, "out0", null],
    ["nothing of an unknown type", given("a"), { ...of([input("a", "*")], "*"), kind: "unknown" as const }, "out0", null],
  ])("%s", (_, node, shape, output, passed) => {
    expect(passingInput(node, shape, output)).toBe(passed);
  });
});

describe("a subgraph", () => {
  const inside = new Set(["sampler", "positive", "negative"]);
  const made = createSubgraph(start, "", inside, "Sampling")!;

  test("takes nodes in and leaves every link and parameter leading where it led", () => {
    expectWhole(made.document);
    const of = interfaceOf("subgraph:Sampling", made.document, catalogue)!;
    expect(of.inputs.map((one) => [one.name, one.type])).toEqual(expect.arrayContaining([["model", "MODEL"], ["clip", "CLIP"], ["latent_image", "LATENT"], ["prompt", "STRING"], ["seed", "INT"]]));
    expect(of.outputs.map((one) => [one.name, one.type])).toEqual([["LATENT", "LATENT"]]);
    expect(made.document.parameters!.find((one) => one.name === "prompt")!.binds).toEqual([[made.name, "prompt"]]);
    expect(linkOf(made.document.nodes["decode"]!.inputs!["samples"])).toEqual({ node: made.name, output: "LATENT" });
    expect(made.document.nodes[made.name]!.inputs!["prompt"]).toBe(start.nodes["positive"]!.inputs!["text"]);
  });

  test("unpacked is what it was", () => {
    const back = unpackSubgraph(made.document, "", made.name)!.document;
    const plain = (document: Document) => Object.fromEntries(Object.entries(document.nodes).map(([name, node]) => [name, { ...node, ui: undefined }]).sort(([one], [other]) => (one! < other! ? -1 : 1)));
    expect(plain(back)).toEqual(plain(start));
    expect(back.parameters).toEqual(start.parameters);
    expect(back.subgraphs).toBeUndefined();
  });

  test("in a subgraph is followed to the widgets inside", () => {
    const outer = createSubgraph(made.document, "", new Set([made.name, "decode"]), "All")!;
    expectWhole(outer.document);
    const seed = interfaceOf("subgraph:All", outer.document, catalogue)!.inputs.find((one) => one.name === "seed")!;
    expect(seed.widget).toMatchObject({ widget: "number", seed: true });
  });

  test("renames an input at its instances too", () => {
    const next = renameSubgraphPort(made.document, "Sampling", "input", "prompt", "words");
    expectWhole(next);
    expect(next.nodes[made.name]!.inputs).toHaveProperty("words");
    expect(next.parameters!.find((one) => one.name === "prompt")!.binds).toEqual([[made.name, "words"]]);
  });

  test("renames an input where its link is hidden or goes through a point", () => {
    const linked = { ...made.document.nodes[made.name]!, ui: { hidden: ["prompt"], via: { prompt: "r1" } } };
    const next = renameSubgraphPort({ ...made.document, nodes: { ...made.document.nodes, [made.name]: linked } }, "Sampling", "input", "prompt", "words");
    expect(next.nodes[made.name]!.ui).toEqual({ hidden: ["words"], via: { words: "r1" } });
  });

  test.each(["seed", "prompt", "", "+"])("renames no input to %j", (after) => {
    expect(renameSubgraphPort(made.document, "Sampling", "input", "prompt", after)).toBe(made.document);
  });

  test("has another name wherever it is shown, and is the same to its instances", () => {
    const next = renameSubgraph(made.document, "Sampling", "Dreaming");
    expect(interfaceOf(next.nodes[made.name]!.type, next, catalogue)!.title).toBe("Dreaming");
    expect(next.nodes).toBe(made.document.nodes);
    for (const name of ["", "Sampling"]) expect(renameSubgraph(made.document, "Sampling", name)).toBe(made.document);
    expect(renameSubgraph(made.document, "nobody", "Dreaming")).toBe(made.document);
  });

  test("renames an output where it is taken", () => {
    const next = renameSubgraphPort(made.document, "Sampling", "output", "LATENT", "latent");
    expect(linkOf(next.nodes["decode"]!.inputs!["samples"])).toEqual({ node: made.name, output: "latent" });
  });

  test("gets new inputs and outputs from links to its ends", () => {
    const graph = made.document.subgraphs!["Sampling"]! as Graph;
    const more = linkInputs(graph, "+", { node: "sampler", input: "steps" });
    expect(more.parameters!.at(-1)).toEqual({ name: "steps", binds: [["sampler", "steps"]] });
    expect(linkOutputs(graph, { node: "positive", output: "CONDITIONING" }, "+").outputs!.at(-1)).toEqual({ name: "CONDITIONING", from: ["positive", "CONDITIONING"] });
  });
});

test("an input is offered once", () => {
  const to = { node: "sampler", input: "denoise" };
  expect(promote(promote(start, to), to).parameters!.filter((one) => one.name === "denoise")).toHaveLength(1);
});

describe("copying", () => {
  test("keeps links among what is copied, and those from outside when asked to", () => {
    const clip = copied(start, start, new Set(["sampler", "decode"]))!;
    const plain = pasted(start, start, clip, [0, 0], false);
    const linked = pasted(start, start, clip, [0, 0], true);
    const [sampler, decode] = plain.names;
    expect(linkOf(plain.graph.nodes[decode!]!.inputs!["samples"])).toEqual({ node: sampler, output: "LATENT" });
    expect(plain.graph.nodes[sampler!]!.inputs!["model"]).toBeUndefined();
    expect(linkOf(linked.graph.nodes[sampler!]!.inputs!["model"])).toEqual({ node: "checkpoint", output: "MODEL" });
  });

  test("takes notes and the subgraphs that are needed along", () => {
    const made = createSubgraph(start, "", new Set(["sampler"]), "One")!;
    const noted = addNote(made.document, { text: "n", pos: [0, 0], size: [10, 10] });
    const clip = copied(noted.graph as Document, noted.graph, new Set([made.name, `note:${noted.id}`]))!;
    const into = pasted(documentOf({}), documentOf({}), clip, [0, 0], false);
    expect(Object.keys(into.document.subgraphs!)).toEqual(["One"]);
    expect(notesOf(into.graph)).toHaveLength(1);
  });

  test("gives a subgraph of other content another name", () => {
    const one = createSubgraph(start, "", new Set(["sampler"]), "One")!;
    const clip = copied(one.document, one.document, new Set([one.name]))!;
    const other = documentOf({}, { subgraphs: { One: { name: "One", nodes: {} } } });
    const into = pasted(other, other, clip, [0, 0], false);
    expect(Object.keys(into.document.subgraphs!)).toEqual(["One", "One_2"]);
    expect(into.graph.nodes[into.names[0]!]!.type).toBe("subgraph:One_2");
  });
});

test("modes are written only where they are not the usual", () => {
  const muted = setMode(start, ["sampler"], "mute");
  expect(muted.nodes["sampler"]!.mode).toBe("mute");
  expect(setMode(muted, ["sampler"], "on").nodes["sampler"]).not.toHaveProperty("mode");
});

describe("geometry", () => {
  const of = (type: string) => interfaceOf(type, start, catalogue)!;

  test("a KSampler is no larger than 300 by 300", () => {
    const { width, height } = geometryOf({ type: "KSampler" }, of("KSampler"), DENSITIES.compact);
    expect(width).toBeLessThanOrEqual(300);
    expect(height).toBeLessThanOrEqual(300);
  });

  test.each(["compact", "comfortable"] as const)("every node of the catalogue has a row for each input and output, none over another (%s)", (density) => {
    for (const spec of catalogue.values()) {
      const made = geometryOf({ type: spec.type }, of(spec.type), DENSITIES[density]);
      expect([...made.inputs.keys()].sort()).toEqual(spec.inputs.map((one) => one.name).sort());
      expect([...made.outputs.keys()].sort()).toEqual(spec.outputs.map((one) => one.name).sort());
      let bottom = made.head;
      for (const row of made.rows) {
        expect(row.y).toBeGreaterThanOrEqual(bottom);
        bottom = row.y + row.height;
      }
      if (spec.type !== "Reroute") expect(made.height).toBeGreaterThanOrEqual(bottom);
    }
  });

  test("fields that are seldom changed are folded away until they are asked for, changed or linked", () => {
    const loader = of("CLIPLoader");
    const fields = (node: Partial<GraphNode>) => geometryOf({ type: "CLIPLoader", ...node }, loader, DENSITIES.compact).rows.flatMap((row) => (row.kind === "field" ? [row.input.name] : row.kind === "more" ? [`${row.folded} more`] : []));
    expect(fields({})).toEqual(["clip_name", "type", "1 more"]);
    expect(fields({ inputs: { device: "default" } })).toEqual(["clip_name", "type", "1 more"]);
    expect(fields({ inputs: { device: "cpu" } })).toEqual(["clip_name", "type", "device"]);
    expect(fields({ inputs: { device: { from: ["a", "STRING"] } } })).toEqual(["clip_name", "type", "device"]);
    expect(fields({ ui: { advanced: true } })).toEqual(["clip_name", "type", "device", "0 more"]);
  });

  const templates = readdirSync(new URL("../../../workflows", import.meta.url), { recursive: true, encoding: "utf8" }).filter((name) => /^(training\/)?\w+\.json$/.test(name)).map((name) => name.slice(0, -".json".length));

  test("there are templates", () => expect(templates.length).toBeGreaterThan(10));

  test.each(templates)("in the template %s no node lies over another, nor does what it shows while it works", (name) => {
    for (const metrics of [DENSITIES.compact, DENSITIES.comfortable]) {
      const document = template(name);
      const boxes = Object.entries(document.nodes).map(([id, node]) => {
        const shape = interfaceIn(id, document, document, catalogue);
        const made = geometryOf(node, shape, metrics);
        const [x, y] = positionOf(node);
        return { id, x, y, right: x + made.width, bottom: y + made.height + previewRoom(shape, made) };
      });
      const over = boxes.flatMap((one, index) => boxes.slice(index + 1).flatMap((other) => (one.x < other.right && other.x < one.right && one.y < other.bottom && other.y < one.bottom ? [`${one.id} and ${other.id}`] : [])));
      expect(over).toEqual([]);
    }
  });

  test("a resized node gives the room to its texts and pictures, and never less than they need", () => {
    const tall = geometryOf({ type: "CLIPTextEncode", ui: { size: [400, 400] } }, of("CLIPTextEncode"), DENSITIES.compact);
    expect([tall.width, tall.height]).toEqual([400, 400]);
    const tiny = geometryOf({ type: "CLIPTextEncode", ui: { size: [1, 1] } }, of("CLIPTextEncode"), DENSITIES.compact);
    expect(tiny.rows.find((row) => row.kind === "text")!.height).toBeGreaterThanOrEqual(40);
  });

  test("a node of an unknown type keeps its inputs and the outputs others take", () => {
    const document = documentOf({ x: { type: "Gone", inputs: { a: 1, b: "t" } }, y: { type: "VAEDecode", inputs: { samples: { from: ["x", "LATENT"] } } } });
    const made = interfaceIn("x", document, document, catalogue);
    expect([made.kind, made.inputs.map((one) => one.name), made.outputs.map((one) => one.name)]).toEqual(["unknown", ["a", "b"], ["LATENT"]]);
  });
});
