// The names that were probably meant by one that is not there. A file's folder and ending, case and signs make no two names alike.

/** How much alike two names of files must be for one to be offered for the other, 0 to 1. */
export const NEAR = 0.34;

/** The name most alike; null when none is near. The same file in another folder is nearest. */
export function nearest(missing: string, names: readonly string[]): string | null {
  return nearestOf(missing, names, NEAR, 1)[0] ?? null;
}

/** Up to `most` names that are at least so much alike (0 to 1), the likest first. */
export function nearestOf(missing: string, names: readonly string[], least: number, most: number): string[] {
  const wanted = stem(missing);
  const pairs = bigrams(wanted);
  const found: { name: string; score: number }[] = [];
  for (const name of names) {
    const candidate = stem(name);
    const score = candidate === wanted ? 2 - Math.abs(name.length - missing.length) / 1000 : likeness(pairs, bigrams(candidate));
    if (score >= least) found.push({ name, score });
  }
  found.sort((one, other) => other.score - one.score || one.name.length - other.name.length);
  return found.slice(0, most).map((one) => one.name);
}

function stem(name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
  return base
    .replace(/\.[a-z0-9]{1,12}$/i, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

function bigrams(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at < text.length - 1; at++) {
    const pair = text.slice(at, at + 2);
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return counts;
}

/** Dice's coefficient over pairs of letters: 0 to 1. */
function likeness(a: Map<string, number>, b: Map<string, number>): number {
  let common = 0;
  let all = 0;
  for (const count of a.values()) all += count;
  for (const [pair, count] of b) {
    all += count;
    common += Math.min(count, a.get(pair) ?? 0);
  }
  return all === 0 ? 0 : (2 * common) / all;
}
