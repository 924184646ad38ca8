// What a prompt can be completed with: `embedding:` names files of the embeddings folder; `<` or Ctrl+Space offers LoRAs too, which
// are no part of the text: choosing one puts its node into the graph. Pure.
import { search } from "@/widgets/choice/search";

export interface Offer {
  /** What is shown. */
  label: string;
  kind: "embedding" | "LoRA";
  /** What takes the place of what was typed. */
  insert: string;
  /** The whole name of the file. */
  file: string;
}

export interface Offers {
  from: number;
  offers: readonly Offer[];
}

export interface Known {
  embeddings: readonly string[];
  loras: readonly string[];
  suffixes: readonly string[];
}

const MOST = 100;
const TYPED = /(?:(embedding:)|<(?:(lora|embedding):)?)((?:\\[()]|[^\s,:()<>])*)$/;
const WORD = /[^\s,:()<>]*$/;

/** What to offer for the text before the caret; null for nothing. `asked` when the user asked, not only typed. */
export function offersFor(before: string, known: Known, asked: boolean): Offers | null {
  const typed = TYPED.exec(before);
  const query = typed ? (typed[3] ?? "") : (WORD.exec(before)?.[0] ?? "");
  if (!typed && !asked) return null;
  const only = typed?.[1] ? "embedding" : typed?.[2];
  const embeddings = only === "lora" ? [] : embeddingOffers(known);
  const loras = only === "embedding" ? [] : known.loras.map((file): Offer => ({ label: stem(file, []), kind: "LoRA", insert: "", file }));
  const all = [...embeddings, ...loras];
  const byLabel = new Map(all.map((one) => [`${one.kind} ${one.label}`, one]));
  const found = query ? search(query.replace(/\\([()])/g, "$1"), all.map((one) => one.label)).flatMap(({ name }) => [byLabel.get(`embedding ${name}`), byLabel.get(`LoRA ${name}`)]) : all;
  const offers = [...new Set(found)].filter((one): one is Offer => one !== undefined).slice(0, MOST);
  return offers.length === 0 ? null : { from: before.length - (typed ? typed[0].length : query.length), offers };
}

function embeddingOffers({ embeddings, suffixes }: Known): Offer[] {
  return embeddings
    .map((file) => ({ file, name: stem(file, suffixes) }))
    .filter(({ name }) => !/[\s,:]/.test(name)) // cannot be named in a prompt
    .map(({ file, name }) => ({ label: name, kind: "embedding", insert: `embedding:${name.replace(/[()]/g, "\\$&")}`, file }));
}

/** Whether a prompt's name stands for one of the files: suffixes may be left out. */
export function knows({ embeddings, suffixes }: Known): (name: string) => boolean {
  const names = new Set(embeddings.flatMap((file) => [file, stem(file, suffixes)]));
  return (name) => names.has(name) || embeddings.length === 0;
}

function stem(file: string, suffixes: readonly string[]): string {
  const suffix = suffixes.length > 0 ? suffixes.find((one) => file.endsWith(one)) : /\.[a-z0-9]+$/i.exec(file)?.[0];
  return suffix ? file.slice(0, -suffix.length) : file;
}
