// What nodes are, as the service declares them (`GET /api/v1/nodes`): the editor knows no node by heart.

export interface NumberSchema {
  widget: "number";
  kind: "INT" | "FLOAT";
  minimum?: number;
  maximum?: number;
  step?: number;
  /** The precision to which FLOATs are kept. */
  round?: number;
  seed?: boolean;
}

export interface TextSchema {
  widget: "text";
  multiline?: boolean;
  dynamic_prompts?: boolean;
  /** A folder of files that the text may mention, found by `pattern` (group 1 is the name). */
  mentions?: string;
  pattern?: string;
  suffixes?: string[];
}

export interface ToggleSchema {
  widget: "toggle";
}

export interface ChoiceSchema {
  widget: "choice";
  options: string[];
}

export interface FileSchema {
  widget: "file";
  folder: string;
  /** Files can be uploaded to the folder. */
  upload?: boolean;
  extra?: { name: string; folder: string; files: string[] }[];
}

export type WidgetSchema = NumberSchema | TextSchema | ToggleSchema | ChoiceSchema | FileSchema;

export interface InputSpec {
  name: string;
  /** A socket type, several joined by commas, or `*`. */
  type: string;
  widget?: WidgetSchema;
  default?: unknown;
  optional?: boolean;
  lazy?: boolean;
  /** Seldom changed: folded away until it is asked for. */
  advanced?: boolean;
  tooltip?: string;
}

export interface OutputSpec {
  name: string;
  type: string;
  is_list: boolean;
}

export interface NodeSpec {
  type: string;
  category: string;
  display_name: string;
  description: string;
  module: string;
  inputs: InputSpec[];
  outputs: OutputSpec[];
  version?: number;
  effect?: boolean;
  /** The known folder that it saves files in. */
  saves?: string;
  /** Its one output is its one input as it is. */
  passes_on?: boolean;
  deterministic?: boolean;
  takes_lists?: boolean;
  expands?: boolean;
  asynchronous?: boolean;
  lane?: "inline" | "cpu" | "io" | "device";
  deprecated?: boolean;
  experimental?: boolean;
  /** Names that inputs once had, each with today's. */
  aliases?: Record<string, string>;
  /** What else people look for it by. */
  words?: readonly string[];
}

export type Catalogue = ReadonlyMap<string, NodeSpec>;

export function catalogueOf(specs: readonly NodeSpec[]): Catalogue {
  return new Map(specs.map((spec) => [spec.type, spec]));
}
