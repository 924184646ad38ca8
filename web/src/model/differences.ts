// What tells documents of one workflow apart: the values that are not the same in all of them. Pure.
import type { Catalogue } from "@/model/catalogue";
import { literalOf, type Document, type Graph } from "@/model/document";
import { writeJson } from "@/model/json";
import { titleIn } from "@/model/naming";

/** A value that a document has and others have not: what it is called, and what it is. */
export type Difference = readonly [label: string, value: string];

interface Value {
  input: string;
  /** The title of its node. */
  title: string;
  text: string;
}

/** Of each document what is not the same in all, the shortest first: a seed before a prompt. */
export function differencesOf(documents: readonly Document[], catalogue: Catalogue): readonly (readonly Difference[])[] {
  const values = documents.map((one) => valuesOf(one, catalogue));
  const keys = [...new Set(values.flatMap((one) => [...one.keys()]))];
  const texts = (key: string) => values.map((one) => one.get(key)?.text ?? "");
  const length = (key: string) => Math.max(...texts(key).map((text) => text.length));
  const differing = keys.filter((key) => new Set(texts(key)).size > 1).sort((one, other) => length(one) - length(other));
  return values.map((one) => {
    const own = differing.flatMap((key) => one.get(key) ?? []);
    const isOfMany = (input: string) => own.filter((value) => value.input === input).length > 1;
    return own.map(({ input, title, text }) => [isOfMany(input) ? `${title}: ${input}` : input, text]);
  });
}

/** The values of a document, and of the subgraphs that it is made of, by where they are. */
function valuesOf(document: Document, catalogue: Catalogue): ReadonlyMap<string, Value> {
  const graphs: [string, Graph][] = [["", document], ...Object.entries(document.subgraphs ?? {})];
  return new Map(
    graphs.flatMap(([scope, graph]) =>
      Object.entries(graph.nodes).flatMap(([name, node]) =>
        Object.entries(node.inputs ?? {}).flatMap(([input, given]): [string, Value][] => {
          const value = literalOf(given);
          if (value === undefined || value === null) return [];
          const text = typeof value === "object" ? writeJson(value) : String(value);
          return [[[scope, name, input].join("\n"), { input, title: titleIn(graph, name, document, catalogue), text }]];
        }),
      ),
    ),
  );
}
