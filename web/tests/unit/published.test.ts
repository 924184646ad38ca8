import { describe, expect, test } from "vitest";
import { linkOf, type Document, type Graph } from "@/model/document";
import { published, specOf, withPublished } from "@/model/published";
import { createSubgraph } from "@/model/packing";
import { contains, promote } from "@/model/subgraph";
import { catalogue, documentOf, template } from "./documents";

/** The template with its two prompts and the sampler in one, a text of it offered. */
function made(): { document: Document; instance: string } {
  const start = template("text_to_image");
  const { document, name } = createSubgraph(start, "", new Set(["positive", "negative", "sampler"]), "Sample")!;
  const inner = promote(document.subgraphs!["Sample"] as Graph, { node: "positive", input: "text" });
  return { document: { ...document, subgraphs: { Sample: inner } } as Document, instance: name };
}

describe("a subgraph that is kept for other workflows", () => {
  const { document, instance } = made();
  const file = published(document, document, instance, "My sampler")!;
  const kept = { name: "subgraphs/My sampler", document: file };

  test("is a workflow of one node, without links, with all that it is made of", () => {
    expect(Object.values(file.nodes)).toMatchObject([{ type: "subgraph:Sample", ui: { pos: [0, 0] } }]);
    expect(Object.values(Object.values(file.nodes)[0]!.inputs ?? {}).filter(linkOf)).toEqual([]);
    expect([file.format, file.name, Object.keys(file.subgraphs!)]).toEqual(["latentgraph/1", "My sampler", ["Sample"]]);
  });

  test("is found and linked like a node type", () => {
    const spec = specOf(kept, catalogue)!;
    expect([spec.type, spec.display_name, spec.category]).toEqual(["published:subgraphs/My sampler", "My sampler", "subgraphs"]);
    expect(spec.inputs.map((one) => one.type)).toEqual(expect.arrayContaining(["CLIP", "MODEL", "LATENT", "STRING"]));
    expect(spec.outputs.map((one) => one.type)).toEqual(["LATENT"]);
  });

  test("is a copy where it is put, beside what is there, and the second shares what is the same", () => {
    const other = documentOf({ a: { type: "subgraph:Other" } }, { subgraphs: { Other: { nodes: {} } } });
    const once = withPublished(other, "", kept, [10, 20])!;
    expect(once.document.nodes[once.name]).toMatchObject({ type: "subgraph:Sample", ui: { pos: [10, 20] } });
    expect(Object.keys(once.document.subgraphs!)).toEqual(["Other", "Sample"]);
    const twice = withPublished(once.document, "", kept, [0, 0])!;
    expect(Object.keys(twice.document.subgraphs!)).toEqual(["Other", "Sample"]);
    expect(Object.keys(twice.document.nodes)).toHaveLength(3);
  });

  test("gets another name beside a subgraph of the same name that is another", () => {
    const other = documentOf({ a: { type: "subgraph:Sample" } }, { subgraphs: { Sample: { nodes: {} } } });
    const put = withPublished(other, "", kept, [0, 0])!;
    expect(put.document.nodes[put.name]!.type).toBe("subgraph:Sample_2");
    expect(put.document.subgraphs!["Sample"]).toEqual({ nodes: {} });
  });

  test("is not put into itself, but into another subgraph", () => {
    expect(withPublished(document, "Sample", kept, [0, 0])).toBeNull();
    const beside = { ...document, subgraphs: { ...document.subgraphs, Other: { nodes: {} } } } as Document;
    const put = withPublished(beside, "Other", kept, [0, 0])!;
    expect(contains(put.document, "Other", "Sample")).toBe(true);
  });
});

test.each([
  ["several nodes", template("text_to_image")],
  ["no instance", documentOf({ a: { type: "KSampler" } })],
  ["an instance of nothing", documentOf({ a: { type: "subgraph:gone" } })],
  ["nothing", documentOf({})],
])("a file of %s is no kept subgraph", (_, document) => {
  expect(specOf({ name: "subgraphs/x", document }, catalogue)).toBeNull();
});

test("what is no instance of a subgraph cannot be kept", () => {
  const start = template("text_to_image");
  expect(published(start, start, "sampler", "x")).toBeNull();
  expect(published(start, start, "nobody", "x")).toBeNull();
});
