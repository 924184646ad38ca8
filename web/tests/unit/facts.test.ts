import { describe, expect, it } from "vitest";
import { catalogueOf } from "@/model/catalogue";
import type { Document } from "@/model/document";
import { factsOf } from "@/model/facts";

const node = { category: "", module: "", description: "", inputs: [], outputs: [] };
const CATALOGUE = catalogueOf([
  { ...node, type: "KSampler", display_name: "KSampler" },
  { ...node, type: "VAEDecode", display_name: "VAE Decode" },
]);

describe("how a picture was made", () => {
  it("is what each node was given, by its title, without links", () => {
    const document = {
      latentgraph: 1,
      nodes: {
        a: { type: "KSampler", inputs: { seed: 18446744073709551615n, cfg: 6.5, model: { from: ["m", "MODEL"] }, note: "" } },
        b: { type: "VAEDecode", inputs: { samples: { from: ["a", "LATENT"] } } },
        c: { type: "Gone", title: "Mine", inputs: { list: { value: [1, 2n] } } },
        d: { type: "KSampler", mode: "mute", inputs: { seed: 1 } },
      },
    } as unknown as Document;
    expect(factsOf(document, CATALOGUE)).toEqual([
      { title: "KSampler", rows: [["seed", "18446744073709551615"], ["cfg", "6.5"]] },
      { title: "Mine", rows: [["list", "[1,2]"]] },
    ]);
  });
});
