import { expect, test } from "vitest";
import { readJson, writeJson } from "@/model/json";
import { clipFrom } from "@/model/clipboard";
import { search, usedAgain } from "@/model/search";
import { aligned, distributed, laidOut } from "@/model/arrange";
import { catalogue } from "./documents";

const first = (text: string, wanted = {}) => search(text, catalogue, wanted)[0]?.spec.type;

test.each([
  ["ksampler", "KSampler"],
  ["vae dec", "VAEDecode"],
  ["load check", "CheckpointLoaderSimple"],
  ["save image", "SaveImage"],
  ["enlarge", "ImageUpscaleWithModel"],
  ["clip skip", "CLIPSetLastLayer"],
  ["esrgan", "UpscaleModelLoader"],
  ["dilate", "GrowMask"],
  ["img2img", "KSampler"],
  ["mask blur", "FeatherMask"],
])("%s finds %s first", (text, type) => {
  expect(first(text)).toBe(type);
});

test.each([
  ["sampler", ["KSampler"]],
  ["lora", ["LoraLoader"]],
  ["image", ["SaveImage", "LoadImage"]],
  ["prompt", ["CLIPTextEncode"]],
  ["save", ["SaveImage"]],
  ["load", ["CheckpointLoaderSimple", "LoadImage"]],
  ["upscale", ["LatentUpscale", "UpscaleModelLoader", "ImageUpscaleWithModel"]],
  ["vae", ["VAEDecode"]],
  ["controlnet", ["ControlNetApplyAdvanced", "ControlNetLoader"]],
  ["decode", ["VAEDecode"]],
  ["check", ["CheckpointLoaderSimple"]],
  ["preview", ["PreviewImage"]],
  ["mask", ["LoadImageMask"]],
])("of those that %s fits as well, what is common comes first, then what has a short title: %j", (text, types) => {
  expect(search(text, catalogue).slice(0, types.length).map(({ spec }) => spec.type)).toEqual(types);
});

test("no use brings a title that only begins with a word before one that has it", () => {
  const begins = search("load", catalogue, {}, { VAELoader: 0, GLIGENLoader: 50 }).map(({ spec }) => spec.type);
  expect(begins.indexOf("GLIGENLoader")).toBeGreaterThan(begins.indexOf("VAELoader"));
});

test("what a node is called by comes after what has the name, and before what merely has the letters", () => {
  const types = search("text", catalogue, {}, {}, 1000).map(({ spec }) => spec.type);
  const named = ["CLIPTextEncode", "PrimitiveString", "CLIPAttentionMultiply"];
  expect(types.filter((type) => named.includes(type))).toEqual(named);
});

test("with a link waiting, only what it fits is found", () => {
  const found = search("", catalogue, { takes: "LATENT" }, {}, 1000);
  expect(found.length).toBeGreaterThan(10);
  expect(found.every(({ spec }) => spec.inputs.some((one) => one.type === "LATENT" || one.type === "*"))).toBe(true);
  expect(search("save image", catalogue, { gives: "MODEL" })).toEqual([]);
});

test.each([
  [{ takes: "MODEL" }, "KSampler"],
  [{ takes: "CLIP" }, "CLIPTextEncode"],
  [{ takes: "LATENT" }, "KSampler"],
  [{ takes: "IMAGE" }, "SaveImage"],
  [{ takes: "VAE" }, "VAEDecode"],
  [{ gives: "MODEL" }, "CheckpointLoaderSimple"],
  [{ gives: "LATENT" }, "EmptyLatentImage"],
  [{ gives: "CONDITIONING" }, "CLIPTextEncode"],
])("with a link waiting and nothing typed, what is usually linked comes first: for %j %s", (wanted, type) => {
  expect(first("", wanted)).toBe(type);
});

test("what is usually linked comes first among equals only: what is typed counts for more", () => {
  expect(first("canny", { takes: "IMAGE" })).toBe("Canny");
});

test("what was used often comes first among equals", () => {
  const [one, other] = search("latent", catalogue).map(({ spec }) => spec.type);
  expect(search("latent", catalogue, {}, { [other!]: 50 })[0]!.spec.type).toBe(other);
  expect(one).not.toBe(other);
});

test("what was used long ago fades, and is forgotten in the end", () => {
  let used = usedAgain({}, "KSampler");
  expect(used).toEqual({ KSampler: 1 });
  used = usedAgain(usedAgain(used, "VAEDecode"), "VAEDecode");
  expect(used["VAEDecode"]).toBeGreaterThan(used["KSampler"]!);
  for (let time = 0; time < 100; time++) used = usedAgain(used, "VAEDecode");
  expect(Object.keys(used)).toEqual(["VAEDecode"]);
});

test.skipIf(!("rawJSON" in JSON))("seeds of 64 bits are kept to the last digit", () => {
  const text = '{"seed":18446744073709551615,"small":7,"float":1e21}';
  expect(writeJson(readJson(text))).toBe('{"seed":18446744073709551615,"small":7,"float":1e+21}');
});

test.each(["", "no json", "[]", "{}", '{"format":"other","nodes":{}}', '{"format":"latentgraph/1"}'])("a clipboard of %j holds no nodes", (text) => {
  expect(clipFrom(text)).toBeNull();
});

const boxes = [
  { id: "a", x: 0, y: 0, width: 100, height: 50 },
  { id: "b", x: 130, y: 40, width: 50, height: 80 },
  { id: "c", x: 400, y: 10, width: 100, height: 20 },
];

test("aligned and distributed nodes are in line, with the same gaps", () => {
  expect([...aligned(boxes, "right")].map(([, [x]]) => x)).toEqual([400, 450, 400]);
  expect([...distributed(boxes, "x")].map(([, [x]]) => x)).toEqual([0, 225, 400]);
});

test("laid out, sources are left of what they feed and nothing is over anything", async () => {
  const placed = await laidOut(boxes, [{ from: "a", to: "b" }, { from: "b", to: "c" }, { from: "gone", to: "a" }]);
  const x = (id: string) => placed.get(id)![0];
  expect(x("a") + 100).toBeLessThan(x("b"));
  expect(x("b") + 50).toBeLessThan(x("c"));
});
