// Which node types a few letters mean: by name before what else it is called before category, whole words before letters in between.
import type { Catalogue, NodeSpec } from "@/model/catalogue";
import { unusualness } from "@/model/partners";
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

interface Entry {
  spec: NodeSpec;
  title: string;
  type: string;
  words: readonly string[];
  category: string;
}

const NONE: readonly string[] = [];
const entries = new WeakMap<Catalogue, Entry[]>();

function entriesOf(catalogue: Catalogue): Entry[] {
  let found = entries.get(catalogue);
  if (!found) {
    found = [...catalogue.values()].map((spec) => ({
      spec,
      title: (spec.display_name || spec.type).toLowerCase(),
      type: spec.type.toLowerCase(),
      words: spec.words ?? NONE,
      category: spec.category.toLowerCase(),
    }));
    entries.set(catalogue, found);
  }
  return found;
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
  const found: Found[] = [];
  for (const entry of entriesOf(catalogue)) {
    if (!fits(entry.spec, wanted)) continue;
    let score = 0;
    for (const word of words) {
      const one = Math.max(scoreOf(word, entry.title) * 1.1, scoreOf(word, entry.type), alsoCalled(word, entry.words) * 0.85, scoreOf(word, entry.category) * 0.4);
      if (one === 0) {
        score = -1;
        break;
      }
      score += one;
    }
    if (score < 0) continue;
    score += Math.min(2, Math.log2(1 + (used[entry.spec.type] ?? 0)) * 0.6) + closeness(entry.spec, wanted);
    if (entry.spec.deprecated) score -= 1;
    found.push({ spec: entry.spec, score });
  }
  return found.sort((one, other) => other.score - one.score || unusualness(one.spec.type, wanted) - unusualness(other.spec.type, wanted) || one.spec.type.length - other.spec.type.length || (one.spec.type < other.spec.type ? -1 : 1)).slice(0, most);
}

/** How well a word is one of those that a node is called by as well; letters here and there count for nothing. */
function alsoCalled(word: string, words: readonly string[]): number {
  const best = Math.max(0, ...words.map((one) => scoreOf(word, one)));
  return best < 4 ? 0 : best;
}

/** A socket of exactly the type counts for more than one that takes anything. */
function closeness(spec: NodeSpec, { takes, gives }: Wanted): number {
  const exact = (takes !== undefined && spec.inputs.some((one) => one.type === takes && !one.widget)) || (gives !== undefined && spec.outputs.some((one) => one.type === gives));
  return exact ? 1 : 0;
}

/** From 0 (not there) to 10 (the whole). */
export function scoreOf(word: string, text: string): number {
  if (text === word) return 10;
  const at = text.indexOf(word);
  if (at === 0) return 8;
  if (at > 0) return /[\s_/(]/.test(text[at - 1]!) ? 6 : 4;
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
