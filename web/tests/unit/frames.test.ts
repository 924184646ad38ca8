import { describe, expect, test } from "vitest";
import type { WidgetSchema } from "@/model/catalogue";
import { copied } from "@/model/clipboard";
import { pasted } from "@/model/pasting";
import { groupsOf, notesOf, type Document, type Graph, type Group } from "@/model/document";
import { addGroup, hideLink } from "@/model/edit";
import { hiddenIn, nodesIn, thingsIn } from "@/model/frames";
import { DENSITIES } from "@/model/geometry";
import { setOnAll, sharedFields } from "@/model/shared";
import { Projection, type FlowEdge } from "@/canvas/project";
import { catalogue, documentOf, sceneOf, template } from "./documents";

const SIZE = () => [100, 100] as const;
const frame = (pos: [number, number], size: [number, number], more: Partial<Group> = {}): Group => ({ title: "", pos, size, ...more });
const at = (x: number, y: number) => ({ type: "Reroute", ui: { pos: [x, y] } });
const graph = documentOf(
  { inner: at(50, 50), edge: at(180, 50), outside: at(400, 50) },
  { ui: { groups: [frame([0, 0], [240, 240]), frame([10, 10], [160, 160])], notes: [{ id: "n", text: "", pos: [20, 20], size: [50, 50] }], reroutes: [{ id: "1", pos: [30, 30] }] } },
) as Graph;

describe("what is in a frame", () => {
  test("is what has its middle in it", () => expect(nodesIn(graph, frame([0, 0], [240, 240]), SIZE)).toEqual(["inner", "edge"]));
  test("are notes, points and smaller frames too, never the frame around it", () => {
    expect(thingsIn(graph, 0, SIZE)).toEqual(["inner", "edge", "note:n", "point:1", "group:1"]);
    expect(thingsIn(graph, 1, SIZE)).toEqual(["inner", "note:n", "point:1"]);
  });

  const closed = (...indexes: number[]) => ({ ...graph, ui: { ...graph.ui, groups: (graph.ui!["groups"] as Group[]).map((one, index) => ({ ...one, collapsed: indexes.includes(index) })) } });
  test.each<[string, number[], Record<string, string>]>([
    ["open frames hide nothing", [], {}],
    ["a closed frame hides what is in it", [1], { inner: "group:1", "note:n": "group:1", "point:1": "group:1" }],
    ["of two the outer one is seen", [0, 1], { inner: "group:0", edge: "group:0", "note:n": "group:0", "point:1": "group:0", "group:1": "group:0" }],
  ])("%s", (_, indexes, hidden) => expect(Object.fromEntries(hiddenIn(closed(...indexes), SIZE))).toEqual(hidden));
});

test("a frame goes through the clipboard with what is in it, and lands where it is put", () => {
  const selection = new Set(["group:1", ...thingsIn(graph, 1, SIZE)]);
  const clip = copied(graph as Document, graph, selection)!;
  const { graph: next } = pasted(graph as Document, graph, clip, [1000, 1000], false);
  expect(groupsOf(next).at(-1)).toMatchObject({ pos: [1000, 1000], size: [160, 160] });
  expect(Object.values(next.nodes).at(-1)!.ui!["pos"]).toEqual([1040, 1040]);
  expect(notesOf(next).at(-1)!.pos).toEqual([1010, 1010]);
});

describe("what is drawn of a closed frame", () => {
  const start = template("text_to_image");
  const metrics = DENSITIES.compact;
  const drawn = (document: Document) => {
    const projection = new Projection();
    const hidden = projection.hidden(document as Graph, document, catalogue, metrics);
    return {
      nodes: projection.cards(sceneOf(document), new Set(), new Map()).map((one) => one.id),
      links: projection.links(document as Graph, document, "", catalogue, new Map(), hidden),
    };
  };
  const ends = (links: readonly FlowEdge[]) => links.map((one) => `${one.source} > ${one.target}`);

  test("is the frame, with the links that lead into it and out of it", () => {
    const all = Object.values(start.nodes).map((node) => node.ui!["pos"] as [number, number]);
    const around = frame([Math.min(...all.map(([x]) => x)) - 50, Math.min(...all.map(([, y]) => y)) - 50], [5000, 5000], { collapsed: true });
    const whole = drawn(addGroup(start, around) as Document);
    expect([whole.nodes.filter((id) => start.nodes[id]), whole.links]).toEqual([[], []]);

    const [x, y] = start.nodes["sampler"]!.ui!["pos"] as [number, number];
    const one = drawn(addGroup(start, frame([x - 5, y - 5], [250, 400], { collapsed: true })) as Document);
    expect(one.nodes).not.toContain("sampler");
    const group = `group:${((start.ui?.["groups"] as Group[] | undefined) ?? []).length}`;
    expect(ends(one.links)).toEqual(expect.arrayContaining([`latent > ${group}`, `${group} > decode`]));
  });

  test("a hidden link is marked, and drawn again when it is shown", () => {
    const hidden = drawn(hideLink(start, { node: "decode", input: "samples" }, true) as Document).links;
    expect(hidden.filter((one) => one.data!.hidden).map((one) => one.target)).toEqual(["decode"]);
    const shown = hideLink(hideLink(start, { node: "decode", input: "samples" }, true), { node: "decode", input: "samples" }, false);
    expect(shown).toEqual(start);
  });
});

describe("fields that several nodes share", () => {
  const start = template("text_to_image");
  const fields = (names: string[], document: Document = start) => sharedFields(names, "", document, catalogue);

  test("are those of the same name and kind", () => {
    const [field, ...others] = fields(["positive", "negative"]);
    expect([field!.input.name, field!.nodes, field!.differs, others]).toEqual(["text", ["positive", "negative"], true, []]);
    expect(fields(["positive", "sampler"])).toEqual([]);
  });

  test("are changed on all of them", () => {
    const next = setOnAll(start, fields(["positive", "negative"])[0]!, "one text") as Document;
    expect([next.nodes["positive"]!.inputs!["text"], next.nodes["negative"]!.inputs!["text"]]).toEqual(["one text", "one text"]);
    expect(fields(["positive", "negative"], next)[0]).toMatchObject({ differs: false, value: "one text" });
  });

  test("a seed's bounds are beyond what a number keeps exact", () => {
    const spec = catalogue.get("KSampler")!;
    const inputs = spec.inputs.map((one) => (one.name === "seed" ? { ...one, widget: { ...one.widget!, maximum: 2n ** 64n - 1n } as unknown as WidgetSchema } : one));
    const exact = new Map([...catalogue, ["KSampler", { ...spec, inputs }]]);
    const two = documentOf({ a: { type: "KSampler", inputs: { seed: 1 } }, b: { type: "KSampler", inputs: { seed: 1 } } });
    expect(sharedFields(["a", "b"], "", two, exact).find((one) => one.input.name === "seed")).toMatchObject({ value: 1, differs: false });
  });

  test("a field that is linked is none", () => {
    const linked: Document = { ...start, nodes: { ...start.nodes, negative: { ...start.nodes["negative"]!, inputs: { ...start.nodes["negative"]!.inputs, text: { from: ["positive", "CONDITIONING"] } } } } };
    expect(fields(["positive", "negative"], linked)).toEqual([]);
  });
});
