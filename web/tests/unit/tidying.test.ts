// @vitest-environment jsdom
// A graph laid out anew: order kept, and frames round what is in them.
import { describe, expect, test } from "vitest";
import { laidOut, type Placed } from "@/model/arrange";
import type { Point } from "@/model/document";
import { tidied, type PlacedFrame, type Roomy, type Tidied } from "@/model/tidying";

const box = (id: string, x: number, y: number, width = 100, height = 50, room = 0): Roomy => ({ id, x, y, width, height, room });
const frame = (id: string, inside: string[], x: number, y: number, width: number, height: number, closed = false): PlacedFrame => ({ ...box(id, x, y, width, height), closed, inside });
const link = (from: string, to: string) => ({ from, to });

describe("nodes in a column", () => {
  const links = [link("loader", "positive"), link("loader", "negative"), link("positive", "sampler"), link("negative", "sampler"), link("latent", "sampler")];
  const column = ([first, second, third]: readonly [string, string, string]) => [box("loader", 0, 0), box(first, 200, 0), box(second, 200, 100, 120, 90), box(third, 200, 300), box("sampler", 500, 0)];

  const orders: [string, string, string][] = [["positive", "negative", "latent"], ["latent", "negative", "positive"], ["negative", "latent", "positive"]];

  test.each(orders)("stay in order: %s, %s, %s", async (...order) => {
    const placed = await laidOut(column(order), links);
    expect([...order].sort((one, other) => placed.get(one)![1] - placed.get(other)![1])).toEqual([...order]);
  });

  test("change it where links would cross otherwise", async () => {
    const boxes = [box("a", 0, 0), box("b", 0, 100), box("toB", 300, 0), box("toA", 300, 100)];
    const placed = await laidOut(boxes, [link("a", "toA"), link("b", "toB")]);
    const isAbove = (one: string, other: string) => placed.get(one)![1] < placed.get(other)![1];
    expect(isAbove("a", "b")).toBe(isAbove("toA", "toB"));
  });
});

describe("frames", () => {
  const boxes = [box("load", 0, 0), box("one", 300, 0), box("two", 300, 20), box("deep", 310, 400), box("end", 300, 100), box("alone", 900, 900)];
  const links = [link("load", "one"), link("one", "two"), link("two", "deep"), link("deep", "end")];

  function boxAt(id: string, { places, sizes }: Tidied, all: readonly Placed[]) {
    const one = all.find((other) => other.id === id)!;
    const [x, y] = places.get(id)!;
    const [width, height] = sizes.get(id) ?? [one.width, one.height];
    return { left: x, top: y, right: x + width, bottom: y + height };
  }

  type Corners = ReturnType<typeof boxAt>;
  const isWithin = (inner: Corners, outer: Corners) => inner.left > outer.left && inner.top > outer.top && inner.right < outer.right && inner.bottom < outer.bottom;
  const overlap = (one: Corners, other: Corners) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

  test("are round what is in them, frames in frames too, and over nothing else", async () => {
    const frames = [frame("group:0", ["one", "two", "deep", "group:1"], 250, -50, 600, 600), frame("group:1", ["deep"], 280, 350, 200, 200)];
    const made = await tidied(boxes, frames, links);
    const all = [...boxes, ...frames];
    const at = (id: string) => boxAt(id, made, all);
    for (const id of ["one", "two", "group:1"]) expect(isWithin(at(id), at("group:0")), id).toBe(true);
    expect(isWithin(at("deep"), at("group:1"))).toBe(true);
    for (const id of ["load", "end", "alone"]) expect(overlap(at(id), at("group:0")), id).toBe(false);
    for (const id of ["one", "two"]) expect(overlap(at(id), at("group:1")), id).toBe(false);
    expect(at("load").right).toBeLessThan(at("group:0").left);
    expect(at("group:0").right).toBeLessThan(at("end").left);
    expect(overlap(at("one"), at("two"))).toBe(false);
  });

  test("that are closed take what is in them along as it is, and keep their size", async () => {
    const frames = [frame("group:0", ["one", "two"], 250, -50, 600, 32, true)];
    const made = await tidied(boxes, frames, links);
    const [x, y] = made.places.get("group:0")!;
    const away = ([left, top]: Point): Point => [left - x, top - y];
    expect(away(made.places.get("one")!)).toEqual([50, 50]);
    expect(away(made.places.get("two")!)).toEqual([50, 70]);
    expect(made.sizes.size).toBe(0);
    expect(made.places.get("load")![0] + 100).toBeLessThan(x);
  });

  test("leave free below themselves what nodes in them need while they work, and are no larger for it", async () => {
    const working = [box("one", 0, 0, 100, 50, 300), box("below", 0, 100)];
    const frames = [frame("group:0", ["one"], -20, -50, 200, 200)];
    const { places, sizes } = await tidied(working, frames, []);
    expect(sizes.get("group:0")).toEqual([200, 130]);
    const [upper, lower] = [places.get("group:0")![1], places.get("below")![1]];
    expect(lower - upper).toBeGreaterThan(56 + 350);
  });

  test("that are empty lie on nothing", async () => {
    const frames = [frame("group:0", [], 0, 0, 400, 240)];
    const made = await tidied(boxes, frames, links);
    const all = [...boxes, ...frames];
    for (const { id } of boxes) expect(overlap(boxAt(id, made, all), boxAt("group:0", made, all)), id).toBe(false);
  });
});
