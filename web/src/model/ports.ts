// May this output feed that input? The service's own rule (graph/ports.py), held to it by a table of cases.

export interface Verdict {
  ok: boolean;
  reason: string;
}

export const ANY = "*";
const YES: Verdict = { ok: true, reason: "" };
const WIDENS = new Set(["INT>FLOAT", "STRING>COMBO", "COMBO>STRING"]);

/** Each type is a type, several with commas, or `*`. */
export function accepts(inputType: string, outputType: string): Verdict {
  if (inputType === outputType || inputType === ANY || outputType === ANY) return YES;
  const wanted = inputType.split(",");
  const given = outputType.split(",");
  if (wanted.includes(ANY) || given.includes(ANY) || given.some((one) => wanted.includes(one))) return YES;
  if (given.some((one) => wanted.some((other) => WIDENS.has(`${one}>${other}`)))) return YES;
  return { ok: false, reason: `${given.join(" or ")} does not fit ${wanted.join(" or ")}` };
}

/** The colour of a type, as a CSS variable. The same hue for types of one kind. */
export function typeColour(type: string): string {
  return `var(--t-${typeFamily(type)})`;
}

export function typeFamily(type: string): string {
  const first = type.split(",")[0] ?? ANY;
  switch (first) {
    case "MODEL":
    case "CONTROL_NET":
    case "UPSCALE_MODEL":
    case "STYLE_MODEL":
    case "GLIGEN":
    case "PHOTOMAKER":
      return "model";
    case "CLIP":
    case "CLIP_VISION":
    case "CLIP_VISION_OUTPUT":
      return "clip";
    case "VAE":
      return "vae";
    case "CONDITIONING":
      return "conditioning";
    case "LATENT":
    case "SCALED_LATENT":
    case "LATENT_OPERATION":
      return "latent";
    case "IMAGE":
      return "image";
    case "MASK":
      return "mask";
    case "INT":
    case "FLOAT":
    case "BOOLEAN":
      return "number";
    case "STRING":
    case "COMBO":
      return "text";
    case "SIGMAS":
    case "SAMPLER":
    case "GUIDER":
    case "NOISE":
      return "sampling";
    default:
      return "any";
  }
}
