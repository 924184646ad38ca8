import { expect, test } from "vitest";
import { graphAt } from "@/model/document";
import { titleIn, titlesTo, withTitles } from "@/model/naming";
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

test.each([
  ["an input", "ComfyUI draws 4.ckpt_name anew", "ComfyUI draws Load Checkpoint (4.ckpt_name) anew"],
  ["an output in a subgraph, first in the text", "48:31.LATENT: no such type", "Refine the face › Second pass (48:31.LATENT): no such type"],
  ["a node itself", "`48:31` is muted, `random` is none", "Refine the face › Second pass (48:31) is muted, `random` is none"],
  ["several", "sets 4.ckpt_name, 48:31.steps", "sets Load Checkpoint (4.ckpt_name), Refine the face › Second pass (48:31.steps)"],
  ["no numbers, files or nodes that are not here", "4.5 of 4.png, 9.seed and v4.ckpt_name", "4.5 of 4.png, 9.seed and v4.ckpt_name"],
])("a text names %s", (_, text, named) => expect(withTitles(text, document, catalogue)).toBe(named));
