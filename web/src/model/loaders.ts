// Files of models: which node loads one, and what kind of model a file holds that nobody here knows yet.
import type { Catalogue } from "@/model/catalogue";

/** Which node loads a file of a folder, and into which input, where several could. */
const USUAL: Readonly<Record<string, readonly [string, string]>> = {
  checkpoints: ["CheckpointLoaderSimple", "ckpt_name"],
  loras: ["LoraLoader", "lora_name"],
  vae: ["VAELoader", "vae_name"],
  controlnet: ["ControlNetLoader", "control_net_name"],
  text_encoders: ["CLIPLoader", "clip_name"],
  diffusion_models: ["UNETLoader", "unet_name"],
  input: ["LoadImage", "image"],
};

/** The node that loads files of a folder: the usual one, else the one that asks for least beside the file. Null where there is none. */
export function loaderOf(folder: string, catalogue: Catalogue): { type: string; input: string } | null {
  const [usual, into] = USUAL[folder] ?? [];
  if (usual !== undefined && into !== undefined && catalogue.has(usual)) return { type: usual, input: into };
  const found = [...catalogue.values()].flatMap((spec) => {
    const port = spec.inputs.find(({ widget }) => widget?.widget === "file" && widget.folder === folder);
    return port && !spec.deprecated ? [{ type: spec.type, input: port.name, asks: spec.inputs.length }] : [];
  });
  found.sort((one, other) => one.asks - other.asks);
  return found[0] ?? null;
}

const SUFFIXES = /\.(safetensors|sft|ckpt|pt|pt2|pth|bin|pkl|gguf)$/i;

export const isModelFile = (name: string): boolean => SUFFIXES.test(name);

export interface ModelFile {
  folder: string;
  name: string;
}

/** The files of that name among those that the service has, in whatever folder below its own. */
export function filesNamed(name: string, models: Readonly<Record<string, readonly string[]>>): ModelFile[] {
  return Object.entries(models).flatMap(([folder, names]) => names.filter((one) => one === name || one.endsWith(`/${name}`)).map((one) => ({ folder, name: one })));
}

/** What the names of weights tell of the folder that a file belongs in, the surest first. */
const TELLTALES: readonly (readonly [folder: string, sign: RegExp])[] = [
  ["loras", /\.lora_(up|down|A|B)\b|\.lora_(up|down)\.weight$|\.hada_w|\.lokr_|^lora_/],
  ["controlnet", /^control_model\.|^controlnet_|zero_convs\.|^body\.\d+\.(block1|in_conv)/],
  ["checkpoints", /^(first_stage_model|cond_stage_model|conditioner)\./],
  ["diffusion_models", /^(model\.diffusion_model\.|input_blocks\.|double_blocks\.|down_blocks\.|joint_blocks\.)/],
  ["vae", /^(encoder|decoder)\.(conv_in|up|down|mid)/],
  ["clip_vision", /^(vision_model|visual)\./],
  ["text_encoders", /^(text_model|transformer\.resblocks|encoder\.block)\./],
  ["embeddings", /^(emb_params|clip_[lgh]|string_to_param\.)/],
  ["upscale_models", /^(body\.|model\.\d+\.|conv_first\.|layers\.\d+\.residual_group)/],
];

/** The folder that a file with these weights belongs in; null where they tell nothing. */
export function folderFor(weights: readonly string[]): string | null {
  return TELLTALES.find(([, sign]) => weights.some((name) => sign.test(name)))?.[0] ?? null;
}

/** Headers are small; what says it has a larger one is not read. */
const LONGEST_HEADER = 32e6;

/** The names of the weights in a safetensors file; none where it is none. Reads nothing but its header. */
export async function weightsIn(file: Blob): Promise<string[]> {
  if (file.size < 8) return [];
  const length = Number(new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true));
  if (length > LONGEST_HEADER || length + 8 > file.size) return [];
  try {
    const header: unknown = JSON.parse(await file.slice(8, 8 + length).text());
    return header !== null && typeof header === "object" ? Object.keys(header).filter((name) => name !== "__metadata__") : [];
  } catch {
    return [];
  }
}
