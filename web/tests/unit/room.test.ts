import { describe, expect, test } from "vitest";
import { makeSubgraph } from "@/commands/subgraphing";
import { en } from "@/i18n/en";
import type { Document } from "@/model/document";
import { DENSITIES, type Box } from "@/model/geometry";
import { boxOfNode, clearPlace } from "@/model/room";
import { Documents } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { catalogue, template } from "./documents";

const overlap = (one: Box, other: Box) => one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;

describe("a clear place", () => {
  test("is the one that is wanted where nothing is", () => expect(clearPlace([{ x: 0, y: 0, width: 100, height: 100 }], [50, 50], [200, 0])).toEqual([200, 0]));

  test("is beside what lies there, on the side that is nearest", () => {
    expect(clearPlace([{ x: 0, y: 0, width: 100, height: 100 }], [50, 50], [80, 20])).toEqual([124, 20]);
    expect(clearPlace([{ x: 0, y: 0, width: 100, height: 100 }], [50, 50], [20, -30])).toEqual([20, -74]);
  });

  test("lies on none of many", () => {
    const taken = Array.from({ length: 400 }, (_, index) => ({ x: (index % 20) * 120, y: Math.floor(index / 20) * 120, width: 100, height: 100 }));
    const [x, y] = clearPlace(taken, [50, 50], [1200, 300]);
    expect(taken.some((one) => overlap(one, { x, y, width: 50, height: 50 }))).toBe(false);
  });
});

describe("a new subgraph", () => {
  const start = template("text_to_image");
  const made = (document: Document, ...names: string[]) => {
    const documents = new Documents();
    documents.open(document);
    documents.select(names);
    makeSubgraph({ documents, settings: { getState: () => ({ density: "compact" }) }, library: { catalogue }, t: en } as unknown as Editor);
    return documents.active!.document;
  };
  const boxes = (document: Document) => Object.fromEntries(Object.keys(document.nodes).map((name) => [name, boxOfNode(name, document, document, catalogue, DENSITIES.compact)]));

  test.each([[["positive", "negative"]], [["positive", "negative", "latent"]], [["sampler", "decode"]], [["checkpoint", "sampler"]], [["positive", "save"]], [["decode"]]])("of %s lies on none of its neighbours", (names) => {
    const { subgraph, ...others } = boxes(made(start, ...names));
    for (const [name, box] of Object.entries(others)) expect(overlap(subgraph!, box), name).toBe(false);
  });

  test("is in the middle of where its nodes were", () => {
    const { sampler, decode } = boxes(start);
    const document: Document = { ...start, nodes: { sampler: start.nodes["sampler"]!, decode: start.nodes["decode"]! } };
    const { subgraph } = boxes(made(document, "sampler", "decode"));
    expect(subgraph!.x + subgraph!.width / 2).toBeCloseTo((sampler!.x + decode!.x + decode!.width) / 2, -1);
  });
});
