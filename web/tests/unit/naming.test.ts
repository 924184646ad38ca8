import { expect, test } from "vitest";
import { graphAt } from "@/model/document";
import { titleIn, titlesTo } from "@/model/naming";
import { catalogue, documentOf } from "./documents";

const document = documentOf(
  {
    "4": { type: "CheckpointLoaderSimple", inputs: {} },
    "48": { type: "subgraph:Refine", title: "Refine the face", inputs: {} },
    odd: { type: "NobodyKnows", inputs: {} },
  },
  { subgraphs: { Refine: { nodes: { "31": { type: "KSampler", title: "Second pass", inputs: {} } } } } },
);

test.each([
  ["what its type is called", "4", "Load Checkpoint"],
  ["the titles on the way to it", "48:31", "Refine the face › Second pass"],
  ["the type where nobody knows it", "odd", "NobodyKnows"],
  ["its name where it is gone", "48:7", "Refine the face › 7"],
  ["all names where the way is gone", "9:8:7", "9 › 8 › 7"],
])("a node is called by %s", (_, whole, title) => expect(titlesTo(whole, document, catalogue)).toBe(title));

test("a node is called by its own title first", () => expect(titleIn(graphAt(document, "Refine"), "31", document, catalogue)).toBe("Second pass"));
