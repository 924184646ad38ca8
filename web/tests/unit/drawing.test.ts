// @vitest-environment jsdom
// The graph as a drawing, read again as XML.
import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { drawn, wrapped } from "@/canvas/drawing";
import { Projection } from "@/canvas/project";
import type { Document, GraphNode } from "@/model/document";
import { addGroup, addNote } from "@/model/edit";
import { checksum, withText } from "@/model/png";
import { catalogue, documentOf, sceneOf, template } from "./documents";

const look = () => "#123456";

function read(document: Document): Element {
  const projection = new Projection();
  const nodes = projection.cards(sceneOf(document), new Set(), new Map());
  const edges = projection.links(document, document, "", catalogue, new Map(), new Map());
  const made = drawn(nodes, edges, "spline", look)!;
  const parsed = new DOMParser().parseFromString(made.svg, "image/svg+xml");
  expect(parsed.querySelector("parsererror")?.textContent).toBeUndefined();
  return parsed.documentElement;
}

const texts = (svg: Element) => [...svg.querySelectorAll("text")].map((one) => one.textContent);

describe("a drawing", () => {
  test("has every node with its title, its sockets and its values, and every link", () => {
    const start = template("text_to_image");
    const svg = read(start);
    const links = Object.values(start.nodes).flatMap((node) => Object.values(node.inputs ?? {}).filter((value) => typeof value === "object" && value !== null && "from" in value));
    expect(svg.querySelectorAll("g").length).toBe(Object.keys(start.nodes).length);
    expect(svg.querySelectorAll("path[stroke-width='2']").length).toBe(links.length);
    for (const word of ["KSampler", "positive", "steps", "20", "euler", "LATENT"]) expect(texts(svg)).toContain(word);
  });

  test("says by its title where a linked value comes from", () => {
    const words = { type: "PrimitiveStringMultiline", title: "What to paint" };
    const prompt: GraphNode = { type: "CLIPTextEncode", inputs: { text: { from: ["words", "STRING"] }, clip: { from: ["loader", "CLIP"] } }, ui: { hidden: ["clip"] } };
    const found = texts(read(documentOf({ words, prompt, loader: { type: "CheckpointLoaderSimple" } })));
    expect(found).toContain("← What to paint");
    expect(found).toContain("clip ← Load Checkpoint");
  });

  test("is as large as all that is in it, with a margin", () => {
    const svg = read(documentOf({ latent: { type: "EmptyLatentImage", ui: { pos: [100, 50] } } }));
    expect(svg.getAttribute("viewBox")!.split(" ").slice(0, 3).map(Number)).toEqual([68, 18, 304]);
  });

  test.each<[string, Partial<GraphNode>]>([
    ["title", { title: '<script>alert("1")</script>' }],
    ["value", { inputs: { filename_prefix: "</text><image href='x'/>&\u0000\ud800" } }],
    ["colour", { ui: { pos: [0, 0], color: '#fff" onload="alert(1)' } }],
  ])("shows a hostile %s as a text, or not at all", (_, change) => {
    const svg = read(documentOf({ save: { type: "SaveImage", ...change } }));
    expect(svg.querySelectorAll("script, image, [onload]").length).toBe(0);
  });

  test("has frames and notes below the nodes, with their texts", () => {
    const start = template("text_to_image");
    const framed = addNote(addGroup(start, { title: "All <of> it", pos: [0, 0], size: [500, 400] }), { text: "first\nsecond", pos: [0, 500], size: [200, 100] }).graph as Document;
    expect(texts(read(framed))).toEqual(expect.arrayContaining(["All <of> it", "first", "second"]));
  });

  test("of nothing there is none", () => {
    expect(drawn([], [], "spline", look)).toBeNull();
  });
});

test.each([
  ["a fox in the snow", 7, ["a fox", "in the", "snow"]],
  ["incomprehensibilities", 8, ["incompre", "hensibil", "ities"]],
  ["a\n\nb", 9, ["a", "", "b"]],
  ["", 9, [""]],
])("%j in lines of %i letters is %j", (text, most, lines) => {
  expect(wrapped(text, most)).toEqual(lines);
});

describe("a text in a PNG file", () => {
  const png = Uint8Array.from(Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64"));

  test("is a chunk before the last, whole and with its checksum; the pixels stay", () => {
    const made = Buffer.from(withText(png, "latentgraph", '{"name":"Füchse 🦊"}'));
    const found: { name: string; data: Buffer; sum: number }[] = [];
    for (let at = 8; at < made.length; ) {
      const length = made.readUInt32BE(at);
      const body = made.subarray(at + 4, at + 8 + length);
      found.push({ name: body.toString("latin1", 0, 4), data: body.subarray(4), sum: made.readUInt32BE(at + 8 + length) });
      expect(checksum(body)).toBe(found.at(-1)!.sum);
      at += 12 + length;
    }
    expect(found.map((one) => one.name)).toEqual(["IHDR", "IDAT", "iTXt", "IEND"]);
    expect(found[2]!.data.toString()).toBe('latentgraph\0\0\0\0\0{"name":"Füchse 🦊"}');
    expect(inflateSync(found[1]!.data).length).toBe(5);
  });

  test("is refused by what is no PNG file", () => {
    expect(() => withText(new Uint8Array(40), "a", "b")).toThrow("no PNG file");
  });
});
