import { describe, expect, test } from "vitest";
import { guidesFor } from "@/model/guides";

const box = (x: number, y: number, width = 100, height = 50) => ({ x, y, width, height });

describe("lines that help to put things beside each other", () => {
  test.each([
    ["the left edges", box(3, 200), [box(0, 0)], { x: -3, y: 0 }, [{ axis: "x", at: 0, from: 0, to: 250 }]],
    ["the right edge at the left", box(-103, 200), [box(0, 0)], { x: 3, y: 0 }, [{ axis: "x", at: 0, from: 0, to: 250 }]],
    ["the middles", box(202, 2, 60, 30), [box(0, -10)], { x: 0, y: -2 }, [{ axis: "y", at: 15, from: 0, to: 262 }]],
    ["both", box(2, 104), [box(0, 0), box(300, 100)], { x: -2, y: -4 }, [{ axis: "x", at: 0, from: 0, to: 150 }, { axis: "y", at: 100, from: 0, to: 400 }]],
    ["the nearest of several", box(4, 300), [box(0, 0), box(5, 100)], { x: 1, y: 0 }, [{ axis: "x", at: 5, from: 100, to: 350 }]],
  ])("%s", (_, dragged, others, shift, lines) => {
    const made = guidesFor(dragged, others, 6);
    expect(made.shift).toEqual(shift);
    expect(made.lines).toEqual(lines);
  });

  test.each([
    ["nothing is near", box(20, 300), [box(0, 0)]],
    ["there is nothing else", box(0, 0), []],
  ])("are none where %s", (_, dragged, others) => {
    expect(guidesFor(dragged, others, 6)).toEqual({ shift: { x: 0, y: 0 }, lines: [] });
  });
});
