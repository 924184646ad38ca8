// Which node types a few letters mean: by name before what else it is called before category; whole words before beginnings of words
// before letters in between. Among those that fit as well, what is common, and what was used before, comes first; then the shorter title.
import type { Catalogue, NodeSpec } from "@/model/catalogue";
import { commonness, unusualness } from "@/model/partners";
import { accepts } from "@/model/ports";

export interface Found {
  spec: NodeSpec;
  score: number;
}

/** Only types that take an output of this type, or give what an input of this type takes. */
export interface Wanted {
  takes?: string;
  gives?: string;
}

/** A name, and the words that it is made of: `CheckpointLoader` has `checkpoint`, `loader`, and itself. */
interface Name {
  text: string;
  words: readonly string[];
}

interface Entry {
  spec: NodeSpec;
  title: Name;
  type: Name;
  /** What it is called as well. */
  others: readonly Name[];
  category: Name;
  common: number;
}

const NONE: readonly string[] = [];
const entries = new WeakMap<Catalogue, Entry[]>();

function entriesOf(catalogue: Catalogue): Entry[] {
  let found = entries.get(catalogue);
  if (!found) {
    found = [...catalogue.values()].map((spec) => ({
      spec,
      title: nameOf(spec.display_name || spec.type),
      type: nameOf(spec.type),
      others: (spec.words ?? NONE).map(nameOf),
      category: nameOf(spec.category),
      common: commonness(spec.type),
    }));
    entries.set(catalogue, found);
  }
  return found;
}

const BETWEEN = /[^\p{L}\p{N}+]+/u;
const PARTS = /\p{Lu}+(?=\p{Lu}\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lu}+|\p{N}+/gu;

function nameOf(text: string): Name {
  const words = text.split(BETWEEN).flatMap((word) => [word, ...(word.match(PARTS) ?? [])]);
  return { text: text.toLowerCase(), words: [...new Set(words.map((word) => word.toLowerCase()))] };
}

export function fits(spec: NodeSpec, wanted: Wanted): boolean {
  if (wanted.takes !== undefined && !spec.inputs.some((one) => accepts(one.type, wanted.takes!).ok)) return false;
  return wanted.gives === undefined || spec.outputs.some((one) => accepts(wanted.gives!, one.type).ok);
}

const FADING = 0.95;

/** How much each type is used, once one was used again: what was used long ago fades. */
export function usedAgain(used: Readonly<Record<string, number>>, type: string): Record<string, number> {
  const faded = Object.entries(used).map(([one, count]) => [one, Math.round(count * FADING * 1000) / 1000] as const);
  return { ...Object.fromEntries(faded.filter(([, count]) => count > 0.05)), [type]: Math.min(50, (used[type] ?? 0) * FADING + 1) };
}

/** The best first. `used` says how much each type was used before. */
export function search(text: string, catalogue: Catalogue, wanted: Wanted = {}, used: Readonly<Record<string, number>> = {}, most = 60): Found[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found: (Found & { entry: Entry })[] = [];
  for (const entry of entriesOf(catalogue)) {
    if (!fits(entry.spec, wanted)) continue;
    const fit = fitOf(words, entry);
    if (fit === null) continue;
    const known = words.length > 0 ? Math.log2(1 + entry.common) * 0.3 : 0; // with nothing typed, what is usual at the link counts first
    const favour = Math.min(MOST_FAVOUR, known + Math.log2(1 + (used[entry.spec.type] ?? 0)) * 0.6);
    found.push({ entry, spec: entry.spec, score: fit + favour + closeness(entry.spec, wanted) - (entry.spec.deprecated ? 1 : 0) });
  }
  const order = (one: Entry, other: Entry) =>
    unusualness(one.spec.type, wanted) - unusualness(other.spec.type, wanted) || other.common - one.common || one.title.text.length - other.title.text.length || (one.spec.type < other.spec.type ? -1 : 1);
  return found.sort((one, other) => other.score - one.score || order(one.entry, other.entry)).slice(0, most);
}

/** However common it is and much it is used, a title that only begins with a word does not pass one that has it. */
const MOST_FAVOUR = 2;

/** How well all the words fit; null where one of them does not. */
function fitOf(words: readonly string[], { title, type, others, category }: Entry): number | null {
  let sum = 0;
  for (const word of words) {
    const one = Math.max(scoreOf(word, title) * 1.1, scoreOf(word, type) * 0.9, alsoCalled(word, others) * 0.85, scoreOf(word, category) * 0.4);
    if (one === 0) return null;
    sum += one;
  }
  return sum;
}

/** How well a word is one of those that a node is called by as well; letters here and there count for nothing. */
function alsoCalled(word: string, others: readonly Name[]): number {
  const best = Math.max(0, ...others.map((one) => scoreOf(word, one)));
  return best < 4 ? 0 : best;
}

/** A socket of exactly the type counts for more than one that takes anything. */
function closeness(spec: NodeSpec, { takes, gives }: Wanted): number {
  const exact = (takes !== undefined && spec.inputs.some((one) => one.type === takes && !one.widget)) || (gives !== undefined && spec.outputs.some((one) => one.type === gives));
  return exact ? 1 : 0;
}

/** From 0 (not there) to 10 (the whole). */
function scoreOf(word: string, { text, words }: Name): number {
  if (text === word) return 10;
  if (words.includes(word)) return 9;
  if (words.some((one) => one.startsWith(word))) return 7;
  if (text.includes(word)) return 4;
  return scattered(word, text) ? 1.5 : 0;
}

function scattered(word: string, text: string): boolean {
  if (word.length < 2) return false;
  let at = -1;
  for (const letter of word) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}
