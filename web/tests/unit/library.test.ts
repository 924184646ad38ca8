// @vitest-environment jsdom
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { filesOf, Library } from "@/store/library";
import { keepToken } from "@/api/token";
import { documentOf } from "./documents";
import { held, refusal, ToldService } from "./toldservice";

const NODES = JSON.parse(readFileSync(join(import.meta.dirname, "../../../nodes/catalogue.json"), "utf8")) as unknown;

let service: ToldService;
let library: Library;

beforeEach(() => {
  service = new ToldService();
  service.on("GET api/v1/nodes", () => NODES);
  service.on("GET api/v1/models", () => ({ checkpoints: ["tiny.safetensors"] }));
  service.on("GET api/v1/files/input", () => ["fox.png"]);
  service.on("GET api/v1/workflows", () => ["mine", "subgraphs/Sharpen", "subgraphs/Gone"]);
  service.on("GET api/v1/workflows/subgraphs/Sharpen", () => ({ document: documentOf({}) }));
  library = new Library();
});

const state = () => library.store.getState();

test("knows nodes, models, the files of the folders that nodes name, and the subgraphs that can be read", async () => {
  await library.load();
  expect(state().state).toBe("ready");
  expect(library.catalogue.has("KSampler")).toBe(true);
  expect(filesOf(state())("checkpoints")).toEqual(["tiny.safetensors"]);
  expect(filesOf(state())("input")).toEqual(["fox.png"]);
  expect(filesOf(state())("elsewhere")).toBeNull();
  expect(state().published.map(({ name }) => name)).toEqual(["subgraphs/Sharpen"]);
});

test.each([
  ["locked", () => refusal(401, "token")],
  ["unreachable", () => Promise.reject(new TypeError("no connection"))],
])("says that the service is %s", async (said, answer) => {
  service.on("GET api/v1/nodes", answer);
  await library.load();
  expect(state().state).toBe(said);
});

test("knows where the pictures of models are, by the folders that have any", async () => {
  service.on("GET api/v1/model-pictures", () => ({ loras: ["a b/#fox?.safetensors"] }));
  await library.load();
  await expect.poll(() => Object.keys(state().pictures)).toEqual(["loras"]);
  const pictureOf = state().pictures["loras"]!;
  expect(pictureOf("a b/#fox?.safetensors")).toBe("api/v1/model-pictures/loras/a%20b/%23fox%3F.safetensors");
  expect(pictureOf("other.safetensors")).toBeNull();
  keepToken("a&b");
  expect(pictureOf("a b/#fox?.safetensors")).toContain("?token=a%26b");
  sessionStorage.clear();
});

test("is complete where nobody tells of pictures, or not yet", async () => {
  await library.load();
  expect(state().pictures).toEqual({});
  const listing = held<Record<string, string[]>>();
  service.on("GET api/v1/model-pictures", listing.answer);
  await library.load();
  expect(state().files).not.toBeNull();
  expect(state().published).toHaveLength(1);
  listing.come({ loras: ["fox.safetensors"] });
  await expect.poll(() => state().pictures["loras"]?.("fox.safetensors")).toContain("fox");
});

test("does not list the pictures of models again when a file was added", async () => {
  await library.load();
  service.asked.length = 0;
  service.on("GET api/v1/files/input", () => ["fox.png", "hare.png"]);
  await library.refreshModels();
  expect(filesOf(state())("input")).toEqual(["fox.png", "hare.png"]);
  expect(service.asked).not.toContain("GET api/v1/model-pictures");
});

test("what is known stays known when the service goes away", async () => {
  await library.load();
  service.on("GET api/v1/nodes", () => Promise.reject(new TypeError("no connection")));
  await library.load();
  expect(state().state).toBe("ready");
});

test("is ready when it is known what is here, whenever that was asked", async () => {
  const early = library.ready();
  await library.load();
  await Promise.all([early, library.ready()]);
  expect(state().files).not.toBeNull();
});
