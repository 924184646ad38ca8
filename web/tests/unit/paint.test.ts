import { expect, test, vi } from "vitest";
import { paintGraph, paintLinks, type Palette } from "@/canvas/paint";
import type { LinkStyle } from "@/canvas/path";
import { Projection } from "@/canvas/project";
import { linkTo } from "@/model/document";
import { catalogue, documentOf, sceneOf } from "./documents";

const NOTHING = new Map();
const AT = { x: 400, y: 100, zoom: 0.5 };

/** What is drawn of a link that is painted: each line with where it ends. */
function painted(links: LinkStyle, selected = false): string[] {
  const document = documentOf({
    latent: { type: "EmptyLatentImage", ui: { pos: [-240, 0] } },
    decode: { type: "VAEDecode", inputs: { samples: linkTo({ node: "latent", output: "LATENT" }) }, ui: { pos: [600, 400] } },
  });
  const projection = new Projection();
  const byId = new Map(projection.cards(sceneOf(document), new Set(), NOTHING).map((one) => [one.id, one]));
  const edges = projection.links(document, document, "", catalogue, NOTHING, NOTHING).map((edge) => ({ ...edge, selected }));
  const told: string[] = [];
  const tell = (name: string) => (...at: number[]) => void told.push([name, ...at.slice(-2)].join(" "));
  const context = { beginPath: vi.fn(), moveTo: tell("from"), lineTo: tell("line"), bezierCurveTo: tell("curve"), stroke: vi.fn() };
  paintLinks(context as unknown as CanvasRenderingContext2D, byId, edges, AT, 1600, 900, { palette: { type: () => "red" } as unknown as Palette, links, lit: null });
  return told;
}

test.each<[LinkStyle, boolean, string[]]>([
  ["spline", false, ["from 400 122.5", "curve 700 322.5"]],
  ["straight", false, ["from 400 122.5", "line 700 322.5"]],
  ["step", false, ["from 400 122.5", "line 550 122.5", "line 550 322.5", "line 700 322.5"]],
  ["hidden", false, []],
  ["hidden", true, ["from 400 122.5", "curve 700 322.5"]],
])("links are painted as they are drawn: %s, selected: %s", (links, selected, lines) => {
  expect(painted(links, selected)).toEqual(lines);
});

test.each([[0.29, 100 + 32 * 0.29 / 2], [0.1, 100 - 5.5]])("the title of a frame is painted at %s, in its head where that is high enough, else above it", (zoom, height) => {
  const document = documentOf({}, { ui: { groups: [{ title: "Sampling", pos: [0, 0], size: [800, 400] }] } });
  const frames = new Projection().cards(sceneOf(document), new Set(), NOTHING);
  const fillText = vi.fn();
  const context = { clearRect: vi.fn(), fillRect: vi.fn(), fillText, measureText: () => ({ width: 10 }) };
  const look = { palette: {} as unknown as Palette, links: "spline" as const, lit: null };
  paintGraph(context as unknown as CanvasRenderingContext2D, frames, [], { x: 400, y: 100, zoom }, 1600, 900, look, { status: () => null, title: () => "Sampling" });
  expect(fillText).toHaveBeenCalledExactlyOnceWith("Sampling", 403, height);
});
