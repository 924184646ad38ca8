// Files that a text mentions, as prompts do embeddings: found by the pattern that the service declares for the field. Suffixes may be
// left out of a name, and parentheses in it are escaped.
import type { TextSchema } from "@/model/catalogue";

export interface Mention {
  name: string;
  /** Whether there is such a file. */
  isKnown: boolean;
}

/** Each name that a text mentions, once. */
export function mentionsIn(text: string, schema: TextSchema, files: readonly string[]): Mention[] {
  const pattern = patternOf(schema);
  if (!pattern) return [];
  const names = [...text.matchAll(pattern)].map((found) => plain(found[1] ?? ""));
  return [...new Set(names)].filter(Boolean).map((name) => ({ name, isKnown: ["", ...(schema.suffixes ?? [])].some((suffix) => files.includes(name + suffix)) }));
}

/** The text with another file mentioned wherever it mentions `name`. */
export function withMention(text: string, schema: TextSchema, name: string, file: string): string {
  const pattern = patternOf(schema);
  const suffix = (schema.suffixes ?? []).find((one) => file.endsWith(one)) ?? "";
  const written = file.slice(0, file.length - suffix.length).replace(/[()]/g, "\\$&");
  return pattern ? text.replace(pattern, (whole: string, found: string) => (plain(found) === name ? whole.slice(0, whole.length - found.length) + written : whole)) : text;
}

/** Null where a browser cannot read the pattern: it is written for Python. */
function patternOf({ pattern }: TextSchema): RegExp | null {
  try {
    return pattern === undefined ? null : new RegExp(pattern, "gu");
  } catch {
    return null;
  }
}

const plain = (name: string): string => name.replace(/\\([()])/g, "$1");
