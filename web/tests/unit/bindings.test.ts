// @vitest-environment jsdom
import { Documents } from "@/store/documents";
import { Editor } from "@/store/editor";
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
  [{ key: "я", code: "KeyZ", ctrlKey: true }, false, "mod+z"],
  [{ key: "Я", code: "KeyZ", ctrlKey: true, shiftKey: true }, false, "mod+shift+z"],
  [{ key: "ζ", code: "KeyZ", metaKey: true }, true, "mod+z"],
  [{ key: "a", code: "KeyQ", ctrlKey: true }, false, "mod+a"],
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

test.each(["button", "input type=checkbox", "div role=switch", "a href=x"])("Tab and Enter belong to a %s inside a node", (element) => {
  document.body.innerHTML = `<div data-testid="canvas" tabindex="0"><div data-node="a"><${element}></div></div>`;
  const editor = new Editor();
  const press = (target: Element, key: string) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    target.addEventListener("keydown", (heard) => handleKey(editor, heard as KeyboardEvent), { once: true });
    target.dispatchEvent(event);
    return event.defaultPrevented;
  };
  const inner = document.querySelector("[data-node]")!.firstElementChild!;
  expect(["Tab", "Enter"].map((key) => press(inner, key))).toEqual([false, false]);
  expect(editor.view.store.getState().palette).toBeNull();
  expect(press(document.querySelector("[data-testid=canvas]")!, "Tab")).toBe(true);
});
