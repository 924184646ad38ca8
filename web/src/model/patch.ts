// What changed between two documents, as a list; and back. Documents share what did not change, so comparing them costs what
// differs, not what is there.

export interface Patch {
  path: readonly string[];
  /** `ABSENT` where there was, or will be, nothing. */
  before: unknown;
  after: unknown;
  /** The keys around one that appears or goes, so that it comes back to its place. */
  order?: readonly string[];
}

export const ABSENT: unique symbol = Symbol("absent");

type Keyed = Readonly<Record<string, unknown>>;

/** The patches that lead from one value to the other. Lists are replaced whole. */
export function diff(before: unknown, after: unknown, path: readonly string[] = []): Patch[] {
  if (before === after) return [];
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  const patches: Patch[] = [];
  const order = Object.keys(before);
  for (const key of order) {
    if (!Object.hasOwn(after, key)) patches.push({ path: [...path, key], before: before[key], after: ABSENT, order });
    else if (before[key] !== after[key]) patches.push(...diff(before[key], after[key], [...path, key]));
  }
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(before, key)) patches.push({ path: [...path, key], before: ABSENT, after: after[key] });
  }
  return patches;
}

export function apply<T>(value: T, patches: readonly Patch[]): T {
  return patches.reduce<unknown>((current, patch) => put(current, patch.path, patch.after, patch.order), value) as T;
}

export function inverse(patches: readonly Patch[]): Patch[] {
  return patches.map(({ before, after, ...rest }) => ({ ...rest, before: after, after: before })).reverse();
}

/** One list that does what both do, one after the other. Keystrokes in one field become one patch. */
export function joined(first: readonly Patch[], second: readonly Patch[]): Patch[] {
  const key = (patch: Patch) => JSON.stringify(patch.path);
  const places = new Map(first.map((patch) => [key(patch), patch]));
  const simple = first.length === second.length && second.every((patch) => places.has(key(patch)));
  if (!simple) return [...first, ...second];
  return second.map((patch) => ({ path: patch.path, before: places.get(key(patch))!.before, after: patch.after }));
}

function put(value: unknown, path: readonly string[], after: unknown, order?: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return after;
  const holder: Keyed = isObject(value) ? value : {};
  if (rest.length === 0 && after === ABSENT) {
    const { [key]: _gone, ...kept } = holder;
    return kept;
  }
  const made = { ...holder, [key]: put(holder[key], rest, after, order) };
  return rest.length === 0 && order ? ordered(made, order) : made;
}

function ordered(value: Keyed, order: readonly string[]): Keyed {
  const known = order.filter((key) => Object.hasOwn(value, key));
  return Object.fromEntries([...new Set([...known, ...Object.keys(value)])].map((key) => [key, value[key]]));
}

function isObject(value: unknown): value is Keyed {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
