import { expect, test } from "vitest";
import { isWorkflowName } from "@/model/workflowName";

test.each(["fox", "mine/fox in the snow", "Füchse", "v1.2", "a/b/c"])("%j is a name of a workflow", (name) => {
  expect(isWorkflowName(name)).toBe(true);
});

test.each(["", "   ", "\u00a0", "mine/ ", " fox", "fox ", "mine /fox", "/fox", "fox/", "a//b", ".hidden", "mine/.hidden", "a\\b", "a\u0000b", "a\tb", "a\u007fb", "a\u0085b", "what?"])("%j is none", (name) => {
  expect(isWorkflowName(name)).toBe(false);
});
