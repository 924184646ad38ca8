// What is usually linked to a socket: what a palette offers first where a link waits for a node and nothing is typed yet. And how common
// a node is, which decides among those that a word fits as well.
import { IN_TEMPLATES } from "@/generated/templates";
import type { Wanted } from "@/model/search";

/** What takes an output of a type, the usual first. */
const TAKERS: Readonly<Record<string, readonly string[]>> = {
  MODEL: ["KSampler", "LoraLoader", "KSamplerAdvanced", "LoraLoaderModelOnly", "BasicGuider", "CFGGuider", "BasicScheduler", "FreeU_V2"],
  CLIP: ["CLIPTextEncode", "LoraLoader", "CLIPSetLastLayer", "CLIPTextEncodeSDXL"],
  VAE: ["VAEDecode", "VAEEncode", "VAEEncodeForInpaint", "VAEDecodeTiled"],
  CONDITIONING: ["KSampler", "ControlNetApplyAdvanced", "ConditioningCombine", "ConditioningConcat", "KSamplerAdvanced", "ConditioningZeroOut"],
  LATENT: ["KSampler", "VAEDecode", "LatentUpscaleBy", "LatentUpscale", "SetLatentNoiseMask", "KSamplerAdvanced"],
  IMAGE: ["SaveImage", "PreviewImage", "VAEEncode", "ImageUpscaleWithModel", "ImageScale", "ImageScaleBy", "ControlNetApplyAdvanced"],
  MASK: ["VAEEncodeForInpaint", "SetLatentNoiseMask", "InpaintModelConditioning", "GrowMask", "FeatherMask", "InvertMask", "MaskPreview"],
  CONTROL_NET: ["ControlNetApplyAdvanced", "ControlNetApply"],
  UPSCALE_MODEL: ["ImageUpscaleWithModel"],
};

/** What gives what an input of a type takes, the usual first. */
const GIVERS: Readonly<Record<string, readonly string[]>> = {
  MODEL: ["CheckpointLoaderSimple", "LoraLoader", "UNETLoader", "LoraLoaderModelOnly"],
  CLIP: ["CheckpointLoaderSimple", "LoraLoader", "CLIPLoader", "DualCLIPLoader", "CLIPSetLastLayer"],
  VAE: ["CheckpointLoaderSimple", "VAELoader"],
  CONDITIONING: ["CLIPTextEncode", "ControlNetApplyAdvanced", "ConditioningCombine", "ConditioningZeroOut"],
  LATENT: ["EmptyLatentImage", "KSampler", "VAEEncode", "LatentUpscaleBy", "VAEEncodeForInpaint"],
  IMAGE: ["LoadImage", "VAEDecode", "ImageScale", "ImageUpscaleWithModel"],
  MASK: ["LoadImage", "LoadImageMask", "SolidMask", "GrowMask"],
  CONTROL_NET: ["ControlNetLoader"],
  UPSCALE_MODEL: ["UpscaleModelLoader"],
  SIGMAS: ["BasicScheduler", "KarrasScheduler"],
  SAMPLER: ["KSamplerSelect"],
  GUIDER: ["CFGGuider", "BasicGuider"],
};

/** How usual a type is where this is wanted, 0 the most; the same for all that are not. */
export function unusualness(type: string, { takes, gives }: Wanted): number {
  const usual = (takes === undefined ? undefined : TAKERS[takes]) ?? (gives === undefined ? undefined : GIVERS[gives]) ?? [];
  const at = usual.indexOf(type);
  return at < 0 ? usual.length : at;
}

const LISTS = [...Object.values(TAKERS), ...Object.values(GIVERS)];

/** How common a type is, 0 for the least: in how many templates it is; and one for what is the most usual at a socket, less for others. */
export function commonness(type: string): number {
  const places = LISTS.map((one) => one.indexOf(type)).filter((place) => place >= 0);
  return (IN_TEMPLATES[type] ?? 0) + (places.length > 0 ? 1 / (1 + Math.min(...places)) : 0);
}
