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
  if (areApart(patches)) return together(value, patches, 0) as T;
  return patches.reduce<unknown>((current, patch) => together(current, [patch], 0), value) as T;
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

/** Whether no patch is about what another is about, or about what that is in: then they need not follow each other. */
function areApart(patches: readonly Patch[]): boolean {
  const whole = new Set(patches.map(({ path }) => JSON.stringify(path)));
  if (whole.size < patches.length) return false;
  const holders = new Set(patches.flatMap(({ path }) => path.map((_, length) => JSON.stringify(path.slice(0, length)))));
  return patches.every(({ path }) => !holders.has(JSON.stringify(path)));
}

/** Patches that are apart, all at once: what holds several of them is copied, and put in order, but once. */
function together(value: unknown, patches: readonly Patch[], depth: number): unknown {
  const first = patches[0];
  if (first?.path.length === depth) return first.after;
  const made: Record<string, unknown> = { ...(isObject(value) ? value : {}) };
  const within = new Map<string, Patch[]>();
  for (const patch of patches) {
    const key = patch.path[depth]!;
    const known = within.get(key);
    if (known) known.push(patch);
    else within.set(key, [patch]);
  }
  for (const [key, some] of within) {
    const after = together(made[key], some, depth + 1);
    if (after === ABSENT) delete made[key];
    else made[key] = after;
  }
  const orders = new Set(patches.flatMap(({ path, after, order }) => (order && after !== ABSENT && path.length === depth + 1 ? [order] : [])));
  return [...orders].reduce<Keyed>(ordered, made);
}

function ordered(value: Keyed, order: readonly string[]): Keyed {
  const known = order.filter((key) => Object.hasOwn(value, key));
  return Object.fromEntries([...new Set([...known, ...Object.keys(value)])].map((key) => [key, value[key]]));
}

function isObject(value: unknown): value is Keyed {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
