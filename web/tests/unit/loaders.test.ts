import { describe, expect, test } from "vitest";
import { filesNamed, folderFor, isModelFile, loaderOf, weightsIn } from "@/model/loaders";
import { catalogue } from "./documents";

test.each([
  ["checkpoints", "CheckpointLoaderSimple", "ckpt_name"],
  ["loras", "LoraLoader", "lora_name"],
  ["upscale_models", "UpscaleModelLoader", "model_name"],
  ["style_models", "StyleModelLoader", "style_model_name"],
  ["gligen", "GLIGENLoader", "gligen_name"],
  ["clip_vision", "CLIPVisionLoader", "clip_name"],
])("files of %s are loaded by %s", (folder, type, input) => {
  expect(loaderOf(folder, catalogue)).toMatchObject({ type, input });
});

test.each(["embeddings", "nowhere"])("nothing loads files of %s", (folder) => expect(loaderOf(folder, catalogue)).toBeNull());

test.each([
  ["photon.safetensors", true],
  ["Photon.CKPT", true],
  ["workflow.json", false],
  ["safetensors", false],
])("%s is a model file: %s", (name, is) => expect(isModelFile(name)).toBe(is));

test("a file is found by its name in whatever folder it is", () => {
  const models = { checkpoints: ["sd15/photon.safetensors", "other_photon.safetensors"], loras: ["photon.safetensors"], vae: [] };
  expect(filesNamed("photon.safetensors", models)).toEqual([
    { folder: "checkpoints", name: "sd15/photon.safetensors" },
    { folder: "loras", name: "photon.safetensors" },
  ]);
});

test.each([
  ["checkpoints", ["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight"]],
  ["diffusion_models", ["model.diffusion_model.input_blocks.0.0.weight"]],
  ["diffusion_models", ["double_blocks.0.img_attn.qkv.weight"]],
  ["loras", ["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"]],
  ["loras", ["transformer.blocks.0.attn.to_k.lora_A.weight"]],
  ["controlnet", ["control_model.zero_convs.0.0.weight"]],
  ["vae", ["decoder.conv_in.weight", "encoder.conv_in.weight"]],
  ["text_encoders", ["text_model.encoder.layers.0.mlp.fc1.weight"]],
  ["embeddings", ["clip_l", "clip_g"]],
  ["embeddings", ["emb_params"]],
  [null, ["something.else"]],
  [null, []],
])("belongs in %s: %j", (folder, weights) => expect(folderFor(weights)).toBe(folder));

describe("the weights of a safetensors file", () => {
  const file = (header: string, said = new TextEncoder().encode(header).length, rest = "") => {
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(said), true);
    return new Blob([length, header, rest]);
  };

  test("are in its header", async () => {
    expect(await weightsIn(file('{"__metadata__":{"a":"b"},"emb_params":{}}', undefined, "weights"))).toEqual(["emb_params"]);
  });

  test.each([
    ["empty", new Blob([])],
    ["cut off", file("{}", 500)],
    ["of a header that is too large to be one", file("{}", 2 ** 40)],
    ["no JSON", file("no")],
    ["JSON, but no object", file("[]")],
    ["something else", new Blob(["PK\u0003\u0004, a zip file as pickles are"])],
  ])("are none in a file that is %s", async (_, blob) => expect(await weightsIn(blob)).toEqual([]));
});
