// What a node shows of what it made: pictures beside each other, words as they are.
import { describe, expect, test } from "vitest";
import { interfaceOf } from "@/model/interface";
import { DENSITIES, geometryOf } from "@/model/geometry";
import { gridOf } from "@/model/pictures";
import { wordsIn } from "@/model/runs";
import { catalogue, documentOf } from "./documents";

const files = (count: number) => Array.from({ length: count }, (_, index) => ({ folder: "output", name: `${index}.png` }));

describe("pictures of a batch", () => {
  test("lie beside each other as near to a square as they can", () => {
    expect([0, 1, 2, 3, 4, 5, 9].map((count) => gridOf(files(count)).columns)).toEqual([0, 1, 2, 2, 2, 3, 3]);
    expect(gridOf(files(4))).toEqual({ columns: 2, shown: files(4), more: 0 });
  });

  test("that are too many to be told apart are counted", () => {
    const { shown, more } = gridOf(files(12));
    expect([shown.length, more]).toEqual([9, 3]);
  });
});

describe("words", () => {
  const rows = (type: string, size?: [number, number]) => geometryOf({ type, ...(size ? { ui: { size } } : {}) }, interfaceOf(type, documentOf({}), catalogue)!, DENSITIES.compact).rows;

  test("have a place in a node that is there to tell them, and grow with it", () => {
    expect(rows("PreviewAny").map(({ kind }) => kind)).toEqual(["ports", "words"]);
    expect(rows("PreviewAny", [240, 500]).at(-1)!.height).toBeGreaterThan(400);
  });

  test("have none in nodes that save or show pictures", () => {
    const having = [...catalogue.keys()].filter((type) => rows(type).some(({ kind }) => kind === "words"));
    expect(having).toEqual(["PreviewAny"]);
  });

  test("are shown as they are, cut where they are very long", () => {
    expect(wordsIn(["<b>one</b>", "two"])).toBe("<b>one</b>\ntwo");
    expect(wordsIn(undefined)).toBe("");
    expect(wordsIn(["abcdef"], 3)).toBe("abc…");
  });
});
