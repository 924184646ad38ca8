// Values without names, given to the widgets of the type that takes the place of one nobody here knows.
import { describe, expect, test } from "vitest";
import { linkTo, type GraphNode } from "@/model/document";
import { lacksOf, placedBy, resolved } from "@/model/missing";
import { placed } from "@/model/unnamed";
import { catalogue, documentOf } from "./documents";

const inputsOf = (type: string) => catalogue.get(type)!.inputs;
const SAMPLER = ["euler", "normal", 1];
const NAMED = { seed: 7, steps: 20, cfg: 8, sampler_name: "euler", scheduler: "normal", denoise: 1 };

describe("values in the order of the widgets", () => {
  test.each<[string, string, unknown[], Record<string, unknown>, Record<string, string>, unknown[]]>([
    ["plain numbers", "EmptyLatentImage", [1024, 768, 2], { width: 1024, height: 768, batch_size: 2 }, {}, []],
    ["fewer than there are", "EmptyLatentImage", [1024], { width: 1024 }, {}, []],
    ["more than there are", "EmptyLatentImage", [1024, 768, 1, "fast", 3], { width: 1024, height: 768, batch_size: 1 }, {}, ["fast", 3]],
    ["one out of range", "EmptyLatentImage", [1024, 768, 0], { width: 1024, height: 768 }, {}, [0]],
    ["one that is no whole number", "EmptyLatentImage", [1024.5, 768, 1], { height: 768, batch_size: 1 }, {}, [1024.5]],
    ["one of another kind", "EmptyLatentImage", ["big", 768, 1], { height: 768, batch_size: 1 }, {}, ["big"]],
    ["one that was never set", "EmptyLatentImage", [null, 768, 1], { height: 768, batch_size: 1 }, {}, []],
    ["a seed and its control", "KSampler", [7, "randomize", 20, 8, ...SAMPLER], NAMED, { seed: "randomize" }, []],
    ["a seed that stays", "KSampler", [7, "fixed", 20, 8, ...SAMPLER], NAMED, {}, []],
    ["a seed with the control of early files", "KSampler", [7, true, 20, 8, ...SAMPLER], NAMED, { seed: "randomize" }, []],
    ["a seed without a control", "KSampler", [7, 20, 8, ...SAMPLER], NAMED, {}, []],
    ["a seed that is longer than numbers are exact", "KSampler", [18446744073709551615n, "fixed"], { seed: 18446744073709551615n }, {}, []],
    ["a choice that is none", "KSampler", [7, "fixed", 20, 8, "heun_9", "normal", 1], { seed: 7, steps: 20, cfg: 8, scheduler: "normal", denoise: 1 }, {}, ["heun_9"]],
    ["a file, here or not, and the caption of its button", "LoadImage", ["gone.png", "image"], { image: "gone.png" }, {}, []],
  ])("%s", (_, type, listed, values, controls, lost) => {
    expect(placed(listed, inputsOf(type), {})).toEqual({ values, beneath: {}, controls, lost });
  });

  test("beneath a link a value stays, and what has a value by its name keeps that", () => {
    const found = placed([1024, 768, 2], inputsOf("EmptyLatentImage"), { width: linkTo({ node: "size", output: "WIDTH" }), height: 512 });
    expect(found).toEqual({ values: { batch_size: 2 }, beneath: { width: 1024 }, controls: {}, lost: [] });
  });
});

describe("a type that takes the place of another", () => {
  const node = (values: unknown[]): GraphNode => ({ type: "EmptySD3LatentImage", ui: { pos: [1, 2], comfyui: { values, inputs: [{ name: "width", type: "INT" }], outputs: [], properties: { ver: "1" } } } });
  const before = documentOf({ one: node([1024, 1024, 1]), two: node([64, 64, 1, "loud"]) });
  const lack = lacksOf(before, catalogue, () => null)[0]!;

  test("takes its values", () => {
    const { nodes } = resolved(before, lack, "EmptyLatentImage", catalogue);
    expect(nodes["one"]).toEqual({ type: "EmptyLatentImage", inputs: { width: 1024, height: 1024, batch_size: 1 }, ui: { pos: [1, 2], comfyui: { properties: { ver: "1" } } } });
  });

  test("says before what it does not take, node by node", () => {
    expect(placedBy(lack, "EmptyLatentImage", before, catalogue).map(({ at, placed: found }) => [at.node, found.lost])).toEqual([["one", []], ["two", ["loud"]]]);
  });
});
