// @vitest-environment jsdom
// What is wrong with what is typed is said below its field, wherever that goes, and nothing is measured while it stays.
import { act, createRef } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TypedFault } from "@/widgets/TypedFault";

let root: Root;
let measured: number;
let top: number;
let sized: () => void;

const bubble = () => document.querySelector<HTMLElement>("[role=status]")!;
/** Long enough for several drawings. */
const later = () => new Promise((done) => setTimeout(done, 100));

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("ResizeObserver", class {
    constructor(told: () => void) {
      sized = told;
    }
    observe() {}
    disconnect() {}
  });
  document.body.innerHTML = '<div id="canvas"><div id="field"><input></div></div><main></main>';
  const field = document.querySelector<HTMLElement>("#field")!;
  top = 100;
  measured = 0;
  field.getBoundingClientRect = () => (measured++, new DOMRect(20, top, 100, 20));
  const input = createRef<HTMLInputElement>();
  input.current = document.querySelector("input")!;
  root = createRoot(document.querySelector("main")!);
  await act(() => root.render(<TypedFault id="fault" input={input} words="no number" />));
});

afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

test("it is there at once, and then measures nothing while nothing moves", async () => {
  expect(bubble().style.top).toBe("124px");
  const before = measured;
  await later();
  expect(measured).toBe(before);
});

test.each([
  ["the canvas is moved", () => (document.querySelector<HTMLElement>("#canvas")!.style.transform = "translate(0, 50px)")],
  ["a form is scrolled", () => document.querySelector("#canvas")!.dispatchEvent(new Event("scroll"))],
  ["the window changes", () => window.dispatchEvent(new Event("resize"))],
  ["what it lies in gets another size", () => sized()],
  ["a panel has slid in", () => document.querySelector("main")!.dispatchEvent(new Event("transitionend", { bubbles: true }))],
])("it follows when %s, measured once for many", async (_, shift) => {
  const before = measured;
  top = 150;
  for (let time = 0; time < 3; time++) shift();
  await expect.poll(() => bubble().style.top).toBe("174px");
  await later();
  expect(measured).toBe(before + 1);
});

test("it listens no longer once it is gone", async () => {
  await act(() => root.render(null));
  const before = measured;
  window.dispatchEvent(new Event("resize"));
  await later();
  expect(measured).toBe(before);
});
