// Graphs to measure with: as many nodes as wanted, of the kinds that people use, three links each.
import type { Document, GraphNode } from "@/model/document";

const COLUMN = 340;
const ROW = 330;

const LETTERS = ["a fox in the snow", "a red apple on a blue background", "mountains at sunset", "a green meadow on a sunny day"];

/**
 * Many small workflows in one: every twenty nodes have a loader, prompts, a latent, samplers, a decoder and a picture. With `hub`
 * all samplers and prompts take their model from one loader instead.
 */
export function largeDocument(count: number, { name = `${count} nodes`, hub = false } = {}): Document {
  const nodes: Record<string, GraphNode> = {};
  const blocks = Math.ceil(count / 20);
  const across = Math.max(1, Math.round(Math.sqrt(blocks / 1.6)));
  for (let block = 0; block < blocks; block++) {
    const left = (block % across) * COLUMN * 6.2;
    const top = Math.floor(block / across) * ROW * 4.1;
    const loader = hub ? "loader_0" : `loader_${block}`;
    let latent: [string, string] = [`latent_${block}`, "LATENT"];
    const sampler = (step: number): GraphNode => ({
      type: "KSampler",
      title: step === 0 ? "Compose" : `Refine ${step}`,
      inputs: {
        model: { from: [loader, "MODEL"] },
        positive: { from: [`positive_${block}`, "CONDITIONING"] },
        negative: { from: [`negative_${block}`, "CONDITIONING"] },
        latent_image: { from: latent },
        seed: block * 20 + step,
        steps: 2,
        cfg: 4,
        sampler_name: "euler",
        scheduler: "normal",
        denoise: step === 0 ? 1 : 0.4,
      },
    });
    const made: [string, GraphNode, number, number][] = [
      [`loader_${block}`, { type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny-sd-128.safetensors" } }, 0, 0],
      [`positive_${block}`, { type: "CLIPTextEncode", title: "Prompt", inputs: { text: LETTERS[block % 4]!, clip: { from: [loader, "CLIP"] } } }, 0, 1],
      [`negative_${block}`, { type: "CLIPTextEncode", title: "Negative prompt", inputs: { text: "", clip: { from: [loader, "CLIP"] } } }, 0, 2],
      [`latent_${block}`, { type: "EmptyLatentImage", inputs: { width: 128, height: 128, batch_size: 1 } }, 0, 3],
    ];
    for (let step = 0; step < 14; step++) {
      const id = `sampler_${block}_${step}`;
      made.push([id, sampler(step), 1 + Math.floor(step / 4), step % 4]);
      latent = [id, "LATENT"];
    }
    made.push([`decode_${block}`, { type: "VAEDecode", inputs: { samples: { from: latent }, vae: { from: [loader, "VAE"] } } }, 4, 2]);
    made.push([`save_${block}`, { type: "SaveImage", inputs: { images: { from: [`decode_${block}`, "IMAGE"] }, filename_prefix: `p${block}` } }, 5, 2]);
    for (const [id, node, column, row] of made) {
      if (Object.keys(nodes).length === count) break;
      nodes[id] = { ...node, ui: { pos: [left + column * COLUMN, top + row * ROW] } };
    }
  }
  return { format: "latentgraph/1", name, nodes };
}
