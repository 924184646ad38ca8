// @vitest-environment jsdom
// Where the focus is after something was taken, left or closed.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MaskEditor } from "@/widgets/mask/MaskEditor";
import { NumberField } from "@/widgets/number/NumberField";

let root: Root;
const frame = () => new Promise((done) => requestAnimationFrame(done));

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  document.body.innerHTML = "<button>Paint</button><main></main>";
  root = createRoot(document.querySelector("main")!);
});
afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

test("a number that was taken and left is not gone back to a frame later", async () => {
  await act(() => root.render(<NumberField schema={{ widget: "number", kind: "INT" }} value={20} label="steps" place="node" onChange={() => undefined} />));
  const input = document.querySelector("input")!;
  const press = (key: string) => act(() => void input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
  await act(() => input.focus());
  await press("Enter");
  await frame();
  expect(document.activeElement).toBe(input);
  await press("Enter");
  await press("Escape");
  await frame();
  expect(document.activeElement).toBe(document.body);
});

test("what opened the mask editor has the focus again when that is closed", async () => {
  const opener = document.querySelector("button")!;
  opener.focus();
  await act(() => root.render(<MaskEditor picture="picture.png" name="picture.png" onDone={async () => undefined} onClose={() => undefined} />));
  expect(document.activeElement).not.toBe(opener);
  await act(() => root.render(null));
  await expect.poll(() => document.activeElement).toBe(opener);
});
