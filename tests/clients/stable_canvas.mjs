// @stable-canvas/comfyui-client: HOST PROMPT.json. Prints what it saw and fetched as one line of JSON.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { Client } from "@stable-canvas/comfyui-client";
import WebSocket from "ws";

const [host, file] = process.argv.slice(2);
const client = new Client({ api_host: host, WebSocket, fetch: globalThis.fetch.bind(globalThis) });
await client.connect();
const prompt = JSON.parse(readFileSync(file, "utf8"));

async function draw(seed, how) {
  const progress = [];
  const drawn = structuredClone(prompt);
  drawn.sampler.inputs.seed = seed;
  const listening = how === "enqueue" ? { progress: (one) => progress.push([one.node, one.value, one.max]) } : {};
  const output = await client[how](drawn, { polling_ms: 100, ...listening });
  const pictures = [];
  for (const image of output.images) {
    const bytes = Buffer.from(await (await fetch(image.data)).arrayBuffer());
    pictures.push(createHash("sha256").update(bytes).digest("hex"));
  }
  return { progress, pictures };
}

const first = await draw(21, "enqueue");
const again = await draw(21, "enqueue");
const polled = await draw(22, "enqueue_polling");
const facts = {
  checkpoints: await client.getSDModels(),
  samplers: (await client.getSamplers()).length > 0,
  schedulers: (await client.getSchedulers()).length > 0,
  system: (await client.getSystemStats()).system.os,
  queue: await client.getQueue(),
  history: (await client.getHistory()).History.length,
  folders: (await client.getModelFolders()).map((one) => one.name),
  files: (await client.getModels("checkpoints")).map((one) => one.name),
  metadata: await client.viewMetadata("checkpoints", "tiny-sd-128.safetensors"),
  embeddings: await client.getEmbeddings(),
  extensions: await client.getExtensions(),
};
await client.storeSetting("clients.stable_canvas", [1]);
facts.setting = await client.getSetting("clients.stable_canvas");
await client.interrupt();
await client.free({ unload_models: true });
await client.clearItems("history");
facts.cleared = (await client.getHistory()).History.length;
client.close();
console.log(JSON.stringify({ first, again, polled, facts }));
process.exit(0);
