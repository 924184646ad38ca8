// @vitest-environment jsdom
import { Documents } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { describe, expect, test } from "vitest";
import { commandFor, keysOf, withKeys, withOwnKeys, withoutKeys } from "@/commands/bindings";
import { COMMANDS } from "@/commands/commands";
import { handleKey, pressed } from "@/commands/keys";

describe("keys of commands", () => {
  test("no keys mean two commands", () => {
    const all = COMMANDS.flatMap((one) => one.keys ?? []);
    expect(all.filter((keys, index) => all.indexOf(keys) !== index)).toEqual([]);
  });

  test("a command has its own keys until others are chosen", () => {
    expect(keysOf({}, "bypass")).toEqual(["mod+b"]);
    const chosen = withKeys({}, "bypass", "alt+b");
    expect(keysOf(chosen, "bypass")).toEqual(["alt+b"]);
    expect([commandFor(chosen, "alt+b"), commandFor(chosen, "mod+b")]).toEqual(["bypass", undefined]);
  });

  test("keys that another command has are taken from it, and given back with its own", () => {
    const chosen = withKeys({}, "bypass", "mod+m");
    expect(commandFor(chosen, "mod+m")).toBe("bypass");
    expect(keysOf(chosen, "mute")).toEqual([]);
    const back = withOwnKeys(chosen, "mute");
    expect([keysOf(back, "mute"), keysOf(back, "bypass")]).toEqual([["mod+m"], []]);
  });

  test("of several keys the others stay", () => {
    expect(keysOf(withKeys({}, "bypass", "mod+y"), "redo")).toEqual(["mod+shift+z"]);
  });

  test("what is as it was of itself is not kept", () => {
    expect(withKeys(withKeys({}, "bypass", "alt+b"), "bypass", "mod+b")).toEqual({});
    expect(withOwnKeys(withoutKeys({}, "bypass"), "bypass")).toEqual({});
  });

  test("commands that there are no longer are forgotten", () => {
    expect(withoutKeys({ gone: ["x"] }, "bypass")).toEqual({ bypass: [] });
  });
});

test.each([
  [{ key: "z", ctrlKey: true }, false, "mod+z"],
  [{ key: "Z", ctrlKey: true, shiftKey: true }, false, "mod+shift+z"],
  [{ key: "?", shiftKey: true }, false, "?"],
  [{ key: "z", ctrlKey: true }, true, "z"],
  [{ key: "z", metaKey: true }, true, "mod+z"],
  [{ key: "ç", code: "KeyC", altKey: true }, true, "alt+c"],
  [{ key: "Enter", altKey: true }, true, "alt+Enter"],
] as const)("%j on a Mac: %s is %s", (event, mac, keys) => {
  expect(pressed(new KeyboardEvent("keydown", event), mac)).toBe(keys);
});

test("Escape gives up what is selected, and then leaves the subgraph", () => {
  const documents = new Documents();
  documents.open({ format: "latentgraph/1", nodes: { one: { type: "subgraph:S" } }, subgraphs: { S: { nodes: { inner: { type: "KSampler" } } } } });
  documents.enter("one");
  documents.select(["inner"]);
  const editor = { documents, canvas: null, view: { store: { getState: () => ({}) } } } as unknown as Editor;
  const press = () => handleKey(editor, { key: "Escape", target: null, defaultPrevented: false } as KeyboardEvent);
  press();
  expect([documents.active!.selection.size, documents.active!.trail.length]).toEqual([0, 1]);
  press();
  expect(documents.active!.trail).toEqual([]);
});
