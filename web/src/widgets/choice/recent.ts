// What was chosen lately from each folder, kept in this browser.

const KEPT = 12;
const key = (folder: string) => `latentgraph.recent.${folder}`;

type Kept = Pick<Storage, "getItem" | "setItem">;

export function recentIn(folder: string, storage: Kept = localStorage): string[] {
  try {
    const kept: unknown = JSON.parse(storage.getItem(key(folder)) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export function remember(folder: string, name: string, storage: Kept = localStorage): void {
  const kept = [name, ...recentIn(folder, storage).filter((one) => one !== name)].slice(0, KEPT);
  try {
    storage.setItem(key(folder), JSON.stringify(kept));
  } catch {
    // A full or forbidden storage costs the list of recent names, nothing else.
  }
}
