// What a new node's fields begin with where its declaration names no default: an empty text, the first choice, the first file, zero.
// A node is ready to run as soon as its sockets are linked; where there is nothing to choose, its field stays empty and says so.
import type { InputSpec, NodeSpec, WidgetSchema } from "@/model/catalogue";

export type StartValue = string | number | boolean;

/** The names of a folder's files, null where they are not known. */
export type FilesOf = (folder: string) => readonly string[] | null;

export function startInputs(spec: NodeSpec, filesOf: FilesOf): Record<string, StartValue> {
  const started = spec.inputs.flatMap((input): [string, StartValue][] => {
    const value = startOf(input, filesOf);
    return value === undefined ? [] : [[input.name, value]];
  });
  return Object.fromEntries(started);
}

function startOf({ widget, default: declared, optional }: InputSpec, filesOf: FilesOf): StartValue | undefined {
  if (!widget || declared !== undefined || optional) return undefined;
  return firstValue(widget, filesOf);
}

function firstValue(widget: WidgetSchema, filesOf: FilesOf): StartValue | undefined {
  switch (widget.widget) {
    case "text":
      return "";
    case "toggle":
      return false;
    case "choice":
      return widget.options[0];
    case "file":
      return filesOf(widget.folder)?.[0];
    case "number":
      return Math.min(Math.max(0, widget.minimum ?? 0), widget.maximum ?? Infinity);
  }
}
