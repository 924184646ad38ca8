// @vitest-environment jsdom
// Settings are of the person, not of the window: what one window chooses, the others have.
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSettings, DEFAULTS, shareSettings } from "@/store/settings";

const KEY = "latentgraph.settings";
let stops: (() => void)[];

/** Another window wrote; the browser tells all but that one. */
function tell(): void {
  window.dispatchEvent(new StorageEvent("storage", { key: KEY, newValue: localStorage.getItem(KEY) }));
}

beforeEach(() => {
  localStorage.clear();
  stops = [];
});
afterEach(() => stops.forEach((stop) => stop()));

test("what was chosen is there the next time, and what was not stays as it comes", () => {
  createSettings().setState({ grid: false });
  expect(createSettings().getState()).toEqual({ ...DEFAULTS, grid: false });
});

test("what cannot be read counts as nothing chosen", () => {
  localStorage.setItem(KEY, "{");
  expect(createSettings().getState()).toEqual(DEFAULTS);
});

test("a window that was open before does not write its own over what another chose", () => {
  const [one, other] = [createSettings(), createSettings()];
  one.setState({ keys: { run: ["r"] } });
  other.setState({ theme: "light" });
  expect(createSettings().getState()).toMatchObject({ keys: { run: ["r"] }, theme: "light" });
});

test("what another window chooses is followed at once, until that is stopped", () => {
  const [one, other] = [createSettings(), createSettings()];
  const stop = shareSettings(other);
  one.setState({ keys: { run: ["r"] } });
  tell();
  expect(other.getState().keys).toEqual({ run: ["r"] });
  stop();
  one.setState({ keys: {} });
  tell();
  expect(other.getState().keys).toEqual({ run: ["r"] });
});
