// Finding a name among thousands. A query is words; every word must be in the name, in any order, letters at least in sequence.
// Pure, and quick enough for each key pressed.

export interface Match {
  score: number;
  /** What of the name to mark: [from, to) pairs in order. */
  ranges: readonly (readonly [number, number])[];
}

/** How well the name fits the words of the query; null if it does not. Higher is better. */
export function match(query: string, name: string): Match | null {
  const lower = name.toLowerCase();
  const base = lower.lastIndexOf("/") + 1;
  let score = 0;
  const ranges: [number, number][] = [];
  for (const word of words(query)) {
    const found = wordIn(word, lower, base);
    if (!found) return null;
    score += found.score;
    ranges.push(...found.ranges);
  }
  return { score: score - name.length / 1000, ranges: merged(ranges) };
}

/** The names that fit, best first; equal ones in the order given. */
export function search(query: string, names: readonly string[]): { name: string; ranges: Match["ranges"] }[] {
  const found: { name: string; match: Match; index: number }[] = [];
  names.forEach((name, index) => {
    const one = match(query, name);
    if (one) found.push({ name, match: one, index });
  });
  found.sort((a, b) => b.match.score - a.match.score || a.index - b.index);
  return found.map((one) => ({ name: one.name, ranges: one.match.ranges }));
}

const words = (query: string): string[] => query.toLowerCase().split(/\s+/).filter(Boolean);

const AT_BASE = 6;
const AT_WORD = 4;
const INSIDE = 3;
const SPREAD = 1;

function wordIn(word: string, lower: string, base: number): { score: number; ranges: [number, number][] } | null {
  let best: { score: number; at: number } | null = null;
  for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + 1)) {
    const score = at === base ? AT_BASE : startsWord(lower, at) ? AT_WORD : INSIDE;
    const weighed = at < base ? score - 1.5 : score;
    if (!best || weighed > best.score) best = { score: weighed, at };
  }
  if (best) return { score: best.score, ranges: [[best.at, best.at + word.length]] };
  const spread = inSequence(word, lower);
  return spread && { score: SPREAD - (spread.length - 1) * 0.1, ranges: spread };
}

function startsWord(text: string, at: number): boolean {
  return at === 0 || /[^a-z0-9]/.test(text[at - 1] ?? "");
}

/** The letters of the word in their order, as few runs as a greedy reading finds; null when one lacks or they lie too far apart. */
function inSequence(word: string, lower: string): [number, number][] | null {
  const ranges: [number, number][] = [];
  let from = 0;
  for (const letter of word) {
    const at = lower.indexOf(letter, from);
    if (at < 0) return null;
    const last = ranges.at(-1);
    if (last && last[1] === at) last[1] = at + 1;
    else ranges.push([at, at + 1]);
    from = at + 1;
  }
  return ranges.length <= Math.max(2, Math.ceil(word.length / 2)) ? ranges : null;
}

function merged(ranges: [number, number][]): [number, number][] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const made: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = made.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else made.push([from, to]);
  }
  return made;
}
