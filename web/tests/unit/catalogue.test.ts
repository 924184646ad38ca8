import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { catalogueOf, type NodeSpec } from "@/model/catalogue";

const KINDS = new Set(["number", "text", "toggle", "choice", "file"]);

test("every widget of the service's catalogue is of a kind that the editor has", () => {
  const specs = JSON.parse(readFileSync(new URL("../../../nodes/catalogue.json", import.meta.url), "utf8")) as NodeSpec[];
  expect(catalogueOf(specs).size).toBe(specs.length);
  for (const input of specs.flatMap((spec) => spec.inputs)) if (input.widget) expect(KINDS).toContain(input.widget.widget);
});
