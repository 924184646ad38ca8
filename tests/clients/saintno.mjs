// @saintno/comfyui-sdk: HOST PROMPT.json. Prints what it saw and fetched as one line of JSON.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { CallWrapper, ComfyApi, PromptBuilder } from "@saintno/comfyui-sdk";

const [host, file] = process.argv.slice(2);
const options = process.env.TOKEN ? { credentials: { type: "bearer_token", token: process.env.TOKEN } } : {};
const api = new ComfyApi(`http://${host}`, undefined, options);
await new Promise((resolve, reject) => {
  api.on("connected", resolve);
  api.on("connection_error", (event) => reject(event.detail));
  api.init(1, 100);
});
await api.waitForReady();

const workflow = new PromptBuilder(JSON.parse(readFileSync(file, "utf8")), ["seed"], ["pictures"])
  .setInputNode("seed", "sampler.inputs.seed")
  .setOutputNode("pictures", "save");

async function draw(seed) {
  const seen = { started: false, progress: [], failure: null };
  const result = await new CallWrapper(api, workflow.input("seed", seed))
    .onStart(() => (seen.started = true))
    .onProgress((info) => seen.progress.push([info.node, info.value, info.max]))
    .onFailed((error) => (seen.failure = String(error)))
    .run();
  const pictures = [];
  for (const image of (result && result.pictures.images) || []) {
    pictures.push(Buffer.from(await (await api.getImage(image)).arrayBuffer()));
  }
  return { ...seen, pictures };
}

const first = await draw(11);
const again = await draw(11);
const upload = await api.uploadImage(first.pictures[0], "from saintno.png", { subfolder: "clients", override: true });
const facts = {
  checkpoints: await api.getCheckpoints(),
  samplers: (await api.getSamplerInfo()).sampler?.length > 0,
  system: (await api.getSystemStats()).system.os,
  queue: await api.getQueue(),
  history: Object.keys(await api.getHistories()).length,
  folders: (await api.getModelFolders()).map((one) => one.name),
  files: (await api.getModelFiles("checkpoints")).map((one) => one.name),
  metadata: await api.getViewMetadata("checkpoints", "tiny-sd-128.safetensors"),
  logs: Array.isArray((await api.getTerminalLogs()).entries),
  features: await api.getFeatures(),
  embeddings: await api.getEmbeddings(),
  freed: await api.freeMemory(true, true),
};
await api.storeUserData("clients/saintno.json", { kept: true });
facts.kept = await (await api.getUserData("clients/saintno.json")).json();
facts.listed = await api.listUserDataV2("clients");
await api.storeSetting("clients.saintno", 3);
facts.setting = await api.getSetting("clients.saintno");
api.destroy();

const told = ({ pictures, ...seen }) => ({
  ...seen,
  pictures: pictures.map((bytes) => createHash("sha256").update(bytes).digest("hex")),
});
console.log(JSON.stringify({ first: told(first), again: told(again), upload: upload && upload.info, facts }));
process.exit(0);
