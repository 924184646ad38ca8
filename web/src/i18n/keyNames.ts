// What keys are called: as on the keyboards of the language that is spoken, on a Mac by its signs.
import type { Messages } from "@/i18n/messages";

export const MAC = navigator.platform.startsWith("Mac");

const ARROWS: Readonly<Record<string, string>> = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const MAC_SIGNS: Readonly<Record<string, string>> = { Enter: "⏎", Delete: "⌦", Backspace: "⌫", Escape: "⎋", Tab: "⇥", PageUp: "⇞", PageDown: "⇟", Home: "↖", End: "↘", " ": "␣" };
/** In the order in which Macs write them. */
const MAC_MODIFIERS: Readonly<Record<string, string>> = { alt: "⌥", shift: "⇧", mod: "⌘" };

/** Keys as commands write them (`mod+shift+z`), to be read. */
export function shownKeys(keys: string, names: Messages["keys"], mac = MAC): string {
  const key = keys.endsWith("+") ? "+" : (keys.split("+").at(-1) ?? "");
  const modifiers = keys.slice(0, keys.length - key.length).split("+").filter(Boolean);
  const called = ARROWS[key] ?? (mac ? (MAC_SIGNS[key] ?? MAC_MODIFIERS[key]) : undefined) ?? (names as Readonly<Record<string, string>>)[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  if (mac) return [...Object.keys(MAC_MODIFIERS).filter((one) => modifiers.includes(one)).map((one) => MAC_MODIFIERS[one]), called].join("");
  return [...modifiers.map((one) => (names as Readonly<Record<string, string>>)[one] ?? one), called].join("+");
}
