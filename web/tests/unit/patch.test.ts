import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { closed, NO_HISTORY, record, redo, undo, type History } from "@/model/history";
import { apply, diff, inverse } from "@/model/patch";

const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: "small" }, fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.array(fc.integer(), { maxLength: 3 }), tie("object")),
  object: fc.dictionary(fc.constantFrom("a", "b", "c", "nodes", "x"), tie("any"), { maxKeys: 4 }),
})).object;

describe("patches", () => {
  test("lead from any value to any other, and back, keys in their places", () => {
    fc.assert(
      fc.property(value, value, (before, after) => {
        const patches = diff(before, after);
        expect(apply(before, patches)).toEqual(after);
        const back = apply(apply(before, patches), inverse(patches));
        expect(back).toEqual(before);
        expect(JSON.stringify(back)).toBe(JSON.stringify(before));
      }),
    );
  });

  test("say only what differs, and share the rest", () => {
    const before = { nodes: { a: { x: 1 }, b: { x: 2 } }, name: "n" };
    const after = { ...before, nodes: { ...before.nodes, b: { x: 3 } } };
    const patches = diff(before, after);
    expect(patches).toEqual([{ path: ["nodes", "b", "x"], before: 2, after: 3 }]);
    expect(apply(before, patches).nodes.a).toBe(before.nodes.a);
  });
});

test("undoing what was done to many copies and orders what holds them once", () => {
  const nodes = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`n${index}`, { x: index }]));
  const before = { nodes: { keep: 1, ...nodes } };
  const after = { nodes: { keep: 1 } };
  const ordering = vi.spyOn(Object, "fromEntries");
  const back = apply(after, inverse(diff(before, after)));
  expect(ordering).toHaveBeenCalledTimes(1);
  ordering.mockRestore();
  expect(JSON.stringify(back)).toBe(JSON.stringify(before));
});

/** The simplest thing that could be right: a list of whole values and a place in it. */
class Model {
  constructor(private values: unknown[]) {}
  private at = 0;
  private merging: string | undefined;
  get current() {
    return this.values[this.at];
  }
  edit(next: unknown, merge: string | undefined) {
    if (JSON.stringify(next) === JSON.stringify(this.current)) return;
    const same = merge !== undefined && merge === this.merging && this.at === this.values.length - 1 && this.at > 0;
    this.values = same ? [...this.values.slice(0, this.at), next] : [...this.values.slice(0, this.at + 1), next];
    this.at = this.values.length - 1;
    this.merging = merge;
  }
  close() {
    if (this.at > 0) this.merging = undefined;
  }
  undo() {
    if (this.at > 0) this.at -= 1;
    this.merging = undefined;
  }
  redo() {
    if (this.at < this.values.length - 1) this.at += 1;
    this.merging = undefined;
  }
}

describe("history", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("edit" as const), to: value, merge: fc.constantFrom(undefined, undefined, "typing", "dragging") }),
    fc.constant({ do: "undo" as const }),
    fc.constant({ do: "redo" as const }),
    fc.constant({ do: "close" as const }),
  );

  test("undo and redo lead where a list of whole values would", () => {
    fc.assert(
      fc.property(value, fc.array(step, { maxLength: 25 }), (start, steps) => {
        let current: unknown = start;
        let history: History = NO_HISTORY;
        const model = new Model([start]);
        for (const one of steps) {
          if (one.do === "edit") {
            const next = one.to;
            history = record(history, current, next, "edit", one.merge);
            if (diff(current, next).length > 0) current = next;
            model.edit(next, one.merge);
          } else if (one.do === "close") {
            history = closed(history);
            model.close();
          } else {
            const made = one.do === "undo" ? undo(closed(history), current) : redo(closed(history), current);
            history = made?.history ?? closed(history);
            current = made ? made.value : current;
            if (one.do === "undo") model.undo();
            else model.redo();
          }
          expect(current).toEqual(model.current);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("keystrokes of one gesture are one step of one patch", () => {
    let history = NO_HISTORY;
    let text = { text: "" };
    for (const letter of "fox") {
      const next = { text: text.text + letter };
      history = record(history, text, next, "type", "field");
      text = next;
    }
    expect(history.done).toHaveLength(1);
    expect(history.done[0]!.patches).toEqual([{ path: ["text"], before: "", after: "fox" }]);
    expect(undo(history, text)!.value).toEqual({ text: "" });
  });
});
