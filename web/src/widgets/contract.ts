// What a widget is given and what it may do. A widget edits one value: it never sees the document, the node or the graph.
import { createContext, useContext, type ComponentType } from "react";
import type { WidgetSchema } from "@/model/catalogue";

/**
 * How a change is meant. While a gesture goes on (a scrub, a stroke, typing) changes are `live`: shown at once, one step of
 * undo in all. The change that ends it is `done`.
 */
export type ChangeKind = "live" | "done";

export interface WidgetProps<Schema = WidgetSchema, Value = unknown> {
  schema: Schema;
  /** The value in the document; undefined when the document does not give one and there is no default. */
  value: Value | undefined;
  onChange: (value: Value, kind?: ChangeKind) => void;
  /** The name of the input, to be read out and, in a node, shown inside the field: rows have no other place. A form shows it itself. */
  label: string;
  /** What the field starts from, for "reset" and for the mark of a changed value. */
  initial?: Value;
  disabled?: boolean;
  /** What is wrong with the value, from the service. */
  problem?: string | undefined;
  /** In a node (a row of fixed height, `var(--row)`) or in a form (as high as it likes). */
  place: "node" | "form";
}

export type Widget<Schema = WidgetSchema, Value = unknown> = ComponentType<WidgetProps<Schema, Value>>;

/** What widgets may ask of the rest of the editor. */
export interface WidgetServices {
  /** The names of the files in a known folder, sorted; empty until they are known. The same array until they are others. */
  files: (folder: string) => readonly string[];
  /** Keep a file in a folder of the service. Resolves to the name it has got; `onProgress` is told what has arrived, 0 to 1. */
  upload: (file: Blob, name: string, folder: string, onProgress?: (share: number) => void) => Promise<string>;
  /** Keep a mask for a picture of the input folder as its transparency. Resolves to the name of the masked picture. */
  uploadMask: (mask: Blob, original: string) => Promise<string>;
  /** Where the picture of that name can be fetched. */
  pictureUrl: (name: string, folder: string) => string;
  /** Where the picture of each model of a folder is, null for one that has none; null where no model of it has one. The same function until others have one. */
  modelPictures: (folder: string) => ((name: string) => string | null) | null;
  /** Be told when names of files or pictures of models may be others. Returns the function that ends it. */
  watchFiles: (listener: () => void) => () => void;
  /** The seed that the service drew when this input was last run, if it was `"random"`. */
  lastSeed: number | bigint | string | undefined;
  /** What the last run drew for texts that leave words open, by input. */
  lastTexts: Readonly<Record<string, string>>;
  /** Open the mask editor over everything for a picture of the input folder. Resolves to the new name, null if closed. */
  editMask: (name: string) => Promise<string | null>;
  /** How a text is dealt into tokens. Absent, or null, where that is not known. */
  tokens?: (text: string, signal: AbortSignal) => Promise<TokenCount | null>;
  /** Put a node that loads this LoRA into the graph. Absent where there is no graph. */
  addLora?: (name: string) => void;
}

/** A prompt as the text encoder will take it. */
export interface TokenCount {
  /** How many tokens a chunk holds. */
  room: number;
  chunks: readonly {
    tokens: number;
    /** The place in the text where the chunk begins. */
    from: number;
  }[];
}

export const WidgetServicesContext = createContext<WidgetServices | null>(null);

export function useWidgetServices(): WidgetServices {
  const services = useContext(WidgetServicesContext);
  if (services === null) throw new Error("a widget needs a WidgetServicesContext above it");
  return services;
}
