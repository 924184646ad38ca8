// @vitest-environment jsdom
// What keys are called: in each language, and on a Mac.
import { expect, test } from "vitest";
import { tipFor } from "@/commands/keys";
import { de } from "@/i18n/de";
import { en } from "@/i18n/en";
import { shownKeys } from "@/i18n/keyNames";

test.each([
  ["mod+shift+z", "Ctrl+Shift+Z", "Strg+Umschalt+Z", "⇧⌘Z"],
  ["mod+alt+Enter", "Ctrl+Alt+Enter", "Strg+Alt+Eingabe", "⌥⌘⏎"],
  ["Delete", "Delete", "Entf", "⌦"],
  ["Backspace", "Backspace", "Rücktaste", "⌫"],
  ["mod+ ", "Ctrl+Space", "Strg+Leertaste", "⌘␣"],
  ["alt+ArrowLeft", "Alt+←", "Alt+←", "⌥←"],
  ["PageDown", "Page Down", "Bild ab", "⇟"],
  ["Escape", "Esc", "Esc", "⎋"],
  ["alt", "Alt", "Alt", "⌥"],
  ["F2", "F2", "F2", "F2"],
  ["+", "+", "+", "+"],
  ["mod++", "Ctrl++", "Strg++", "⌘+"],
])("%s", (keys, english, german, mac) => {
  expect(shownKeys(keys, en.keys, false)).toBe(english);
  expect(shownKeys(keys, de.keys, false)).toBe(german);
  expect(shownKeys(keys, de.keys, true)).toBe(mac);
});

test("a tip has the name of its command and its keys in one language", () => {
  expect(tipFor({}, "run", de)).toBe("Ausführen  Strg+Eingabe");
  expect(tipFor({ run: ["alt+shift+F9"] }, "run", en)).toBe("Run  Alt+Shift+F9");
});
