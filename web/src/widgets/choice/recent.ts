// What was chosen lately from each folder, kept in this browser.
import { type Memory, remember as keep, remembered } from "@/model/remembered";

const KEPT = 12;
const key = (folder: string) => `latentgraph.recent.${folder}`;

export function recentIn(folder: string, storage: Memory = localStorage): string[] {
  const kept = remembered(key(folder), storage);
  return Array.isArray(kept) ? kept.filter((one) => typeof one === "string").slice(0, KEPT) : [];
}

export function remember(folder: string, name: string, storage: Memory = localStorage): void {
  keep(key(folder), [name, ...recentIn(folder, storage).filter((one) => one !== name)].slice(0, KEPT), storage);
}
