// @vitest-environment jsdom
// Nodes are bypassed where what others need comes through them; where it does not, that is refused and said.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { perform } from "@/commands/commands";
import { stopsAt } from "@/model/bypassing";
import type { Document, GraphNode } from "@/model/document";
import { link, setMode } from "@/model/edit";
import { Editor } from "@/store/editor";
import { catalogue, documentOf, template } from "./documents";
import { fakeService } from "./service";

const start = template("text_to_image");
const upscale: GraphNode = { type: "LatentUpscaleBy", inputs: { samples: { from: ["sampler", "LATENT"] } } };
/** With an upscaler between the sampler and the decoder. */
const between = link({ ...start, nodes: { ...start.nodes, upscale } }, { node: "upscale", output: "LATENT" }, { node: "decode", input: "samples" }) as Document;
const stops = (document: Document, ...names: string[]) => stopsAt(names, document, { document, catalogue }).map(({ node, taker }) => [node, ...Object.values(taker)]);

describe("what stops a bypass", () => {
  test("nothing, where a value of the type comes in", () => expect(stops(between, "upscale")).toEqual([]));
  test("nothing, where nobody takes what goes out", () => expect(stops(start, "save")).toEqual([]));
  test("nothing to pass on to who needs it", () => expect(stops(start, "decode")).toEqual([["decode", "save"]]));
  test("nothing, where who needs it is bypassed or muted, too", () => {
    expect(stops(start, "decode", "save")).toEqual([]);
    for (const mode of ["mute", "bypass"] as const) expect(stops(setMode(start, ["save"], mode) as Document, "decode")).toEqual([]);
  });
  test("each of several that stop, once, also behind others that pass on", () => {
    expect(stops(between, "upscale", "sampler", "latent")).toEqual([["latent", "decode"]]);
    expect(stops(setMode(between, ["upscale", "sampler"], "bypass") as Document, "latent")).toEqual([["latent", "decode"]]);
    expect(stops(start, "latent", "decode").sort()).toEqual([["decode", "save"], ["latent", "sampler"]]);
  });
  test("nothing, where it is not needed", () => {
    const masked = documentOf({ mask: { type: "SolidMask" }, cond: { type: "CLIPTextEncode" }, image: { type: "LoadImage" }, apply: { type: "ControlNetApplyAdvanced", inputs: { vae: { from: ["loader", "VAE"] } } }, loader: { type: "VAELoader" } });
    expect(stops(masked, "loader")).toEqual([]);
  });
  test("an output of the subgraph that would give nothing", () => {
    const inside = { ...start, outputs: [{ name: "made", from: ["decode", "IMAGE"] as [string, string] }] };
    expect(stops(inside, "decode", "save")).toEqual([["decode", "made"]]);
  });
});

describe("the command", () => {
  let editor: Editor;
  const modes = () => Object.entries(editor.documents.active!.document.nodes).flatMap(([name, { mode }]) => (mode ? [`${name} ${mode}`] : []));
  const said = () => editor.view.store.getState().toasts.map(({ text }) => text);
  const bypass = (...names: string[]) => {
    editor.documents.select(names);
    perform(editor, "bypass");
  };
  beforeEach(() => {
    fakeService();
    editor = new Editor();
    editor.library.store.setState({ catalogue });
    editor.documents.open(between);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("bypasses what passes on, and takes that back", () => {
    bypass("upscale");
    expect(modes()).toEqual(["upscale bypass"]);
    bypass("upscale");
    expect([modes(), said()]).toEqual([[], []]);
  });

  test("refuses, says why, and leaves all as it was, also where others of the selection could be", () => {
    bypass("upscale", "decode", "latent");
    expect(modes()).toEqual([]);
    expect(editor.documents.active!.history.done).toEqual([]);
    expect(said()).toEqual(["Not bypassed: Empty Latent Image would have nothing to pass on to KSampler, and neither would one more"]);
  });

  test("refuses nothing before nodes are known", () => {
    editor.library.store.setState({ catalogue: new Map() });
    bypass("decode");
    expect(modes()).toEqual(["decode bypass"]);
  });

  test("turns on what is bypassed already, though nothing comes through it", () => {
    editor.documents.editGraph("Bypass", (graph) => setMode(graph, ["decode"], "bypass"));
    bypass("decode");
    expect([modes(), said()]).toEqual([[], []]);
  });
});
