// What a node shows of what it made: pictures beside each other, words as they are.
import { describe, expect, test } from "vitest";
import { interfaceOf } from "@/model/interface";
import { DENSITIES, geometryOf } from "@/model/geometry";
import { gridOf, outputOf } from "@/model/pictures";
import { planOf, samePlanNode, type PlanNode, type PlanSummary } from "@/model/plan";
import { wordsIn, type NodeOutput } from "@/model/runs";
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

describe("what a node made", () => {
  const planned = (output?: NodeOutput): PlanNode => ({ type: "SaveImage", status: "cached", tier: "disk", reason: "", code: "", key: null, ...(output ? { output } : {}) });
  const [known, latest] = [{ files: files(1) }, { files: files(2) }];

  test("is what it made last, else what the service knows", () => {
    expect(outputOf(undefined, planned(known))).toBe(known);
    expect(outputOf({ state: "cached", job: "a" }, planned(known))).toBe(known);
    expect(outputOf({ state: "ran", job: "a", output: latest }, planned(known))).toBe(latest);
    expect(outputOf(undefined, planned())).toBeUndefined();
  });

  test("inside a subgraph is not what its instance made, and another is another plan of the node", () => {
    const plan: PlanSummary = { targets: [], run: 0, depends: 0, cached: 1, nodes: { "sub:save": planned(known) } };
    expect(planOf("sub:save", plan)?.output).toBe(known);
    expect(planOf("sub", plan)).not.toHaveProperty("output");
    expect(samePlanNode(planned(known), planned(structuredClone(known)))).toBe(true);
    expect(samePlanNode(planned(known), planned(latest))).toBe(false);
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
