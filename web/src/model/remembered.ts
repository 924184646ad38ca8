// Small things that this browser remembers, as JSON. A storage that is full, forbidden or holds rubbish costs what was remembered,
// nothing else.

export type Memory = Pick<Storage, "getItem" | "setItem">;

/** What was remembered, null for nothing. */
export function remembered(key: string, memory: Pick<Memory, "getItem"> = localStorage): unknown {
  try {
    return JSON.parse(memory.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown, memory: Pick<Memory, "setItem"> = localStorage): void {
  try {
    memory.setItem(key, JSON.stringify(value));
  } catch {
    // As is said above.
  }
}
