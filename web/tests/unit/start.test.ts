import { describe, expect, test } from "vitest";
import type { InputSpec, NodeSpec } from "@/model/catalogue";
import { startInputs } from "@/model/start";
import { catalogue } from "./documents";

const files = (folder: string) => (folder === "checkpoints" ? ["a.safetensors", "b.safetensors"] : folder === "loras" ? [] : null);
const started = (...inputs: InputSpec[]) => startInputs({ inputs } as unknown as NodeSpec, files);

describe("a new node begins with", () => {
  test.each<[string, InputSpec, unknown]>([
    ["an empty text", { name: "x", type: "STRING", widget: { widget: "text" } }, ""],
    ["what is off", { name: "x", type: "BOOLEAN", widget: { widget: "toggle" } }, false],
    ["the first choice", { name: "x", type: "COMBO", widget: { widget: "choice", options: ["euler", "ddim"] } }, "euler"],
    ["the first file", { name: "x", type: "COMBO", widget: { widget: "file", folder: "checkpoints" } }, "a.safetensors"],
    ["zero", { name: "x", type: "INT", widget: { widget: "number", kind: "INT" } }, 0],
    ["the least number where zero is too small", { name: "x", type: "INT", widget: { widget: "number", kind: "INT", minimum: 16 } }, 16],
    ["the largest number where zero is too large", { name: "x", type: "FLOAT", widget: { widget: "number", kind: "FLOAT", maximum: -1 } }, -1],
  ])("%s", (_, input, value) => expect(started(input)).toEqual({ x: value }));

  test.each<[string, InputSpec]>([
    ["an input that has a default", { name: "x", type: "INT", widget: { widget: "number", kind: "INT" }, default: 20 }],
    ["an input that may be left out", { name: "x", type: "STRING", widget: { widget: "text" }, optional: true }],
    ["a socket", { name: "x", type: "MODEL" }],
    ["a choice of nothing", { name: "x", type: "COMBO", widget: { widget: "choice", options: [] } }],
    ["a folder without files", { name: "x", type: "COMBO", widget: { widget: "file", folder: "loras" } }],
    ["a folder that is not known yet", { name: "x", type: "COMBO", widget: { widget: "file", folder: "vae" } }],
  ])("nothing for %s", (_, input) => expect(started(input)).toEqual({}));

  test("all that a prompt and a loader need beside links", () => {
    expect(startInputs(catalogue.get("CLIPTextEncode")!, files)).toEqual({ text: "" });
    expect(startInputs(catalogue.get("CheckpointLoaderSimple")!, files)).toEqual({ ckpt_name: "a.safetensors" });
  });
});
