// A value for each key, with listeners by key: what changes at one node wakes that node alone.
import { useSyncExternalStore } from "react";

export class Keyed<V> {
  private readonly values = new Map<string, V>();
  private readonly listeners = new Map<string, Set<() => void>>();

  get = (key: string): V | undefined => this.values.get(key);

  set(key: string, value: V | undefined): void {
    if (this.values.get(key) === value) return;
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
    for (const listener of this.listeners.get(key) ?? []) listener();
  }

  /** Without all `owner/name` of an owner. */
  deleteBelow(owner: string): void {
    for (const key of this.keys()) if (key.startsWith(`${owner}/`)) this.set(key, undefined);
  }

  keys(): string[] {
    return [...this.values.keys()];
  }

  subscribe = (key: string, listener: () => void): (() => void) => {
    let known = this.listeners.get(key);
    if (!known) this.listeners.set(key, (known = new Set()));
    known.add(listener);
    return () => {
      known.delete(listener);
      if (known.size === 0) this.listeners.delete(key);
    };
  };
}

/** The value of a key, redrawn when that value changes. */
export function useKeyed<V>(keyed: Keyed<V>, key: string): V | undefined {
  return useSyncExternalStore(
    (listener) => keyed.subscribe(key, listener),
    () => keyed.get(key),
  );
}
