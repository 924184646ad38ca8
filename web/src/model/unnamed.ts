// Values that a file lists by position, of a node whose type nobody here knew: given to the widgets of the type that takes its place.
// As the service reads the nodes that it knows (`name_values` in graph/comfyui/widgets.py): one value for each widget in ComfyUI's
// order, with a seed's control after it; a value that its widget cannot hold goes nowhere, and is told.
import type { InputSpec, NumberSchema, WidgetSchema } from "@/model/catalogue";
import { linkOf, literalOf, type GraphNode } from "@/model/document";

export interface Placed {
  /** By input: what its widget now holds. */
  values: Readonly<Record<string, unknown>>;
  /** By input: what its widget holds beneath a link. */
  beneath: Readonly<Record<string, unknown>>;
  /** By seed: what ComfyUI does with it after a run. */
  controls: Readonly<Record<string, string>>;
  /** What has no place in the new type. */
  lost: readonly unknown[];
}

const CONTROLS: ReadonlySet<unknown> = new Set(["fixed", "increment", "decrement", "randomize"]);
const SEED_NAMES: ReadonlySet<string> = new Set(["seed", "noise_seed"]);
/** What stands in the list for the button of a widget that uploads. */
const CAPTIONS: ReadonlySet<unknown> = new Set([null, "image", "video", "audio", "file", "upload"]);

/** The values that the node's file lists without names; none where all have names. */
export function unnamedOf(node: GraphNode | undefined): readonly unknown[] {
  const values = comfyuiOf(node)?.["values"];
  return Array.isArray(values) ? (values as unknown[]) : [];
}

/** Where the listed values go among the inputs of a type. What the node has by name stays as it is. */
export function placed(listed: readonly unknown[], inputs: readonly InputSpec[], given: NonNullable<GraphNode["inputs"]>): Placed {
  const values: Record<string, unknown> = {};
  const beneath: Record<string, unknown> = {};
  const controls: Record<string, string> = {};
  const lost: unknown[] = [];
  const slots = widgetsInOrder(inputs);
  let position = 0;
  for (const [index, { name, widget }] of slots.entries()) {
    if (position >= listed.length) break;
    const value = listed[position++];
    const already = given[name];
    if (value !== null && !fits(widget, value)) lost.push(value);
    else if (value !== null && linkOf(already)) beneath[name] = value;
    else if (value !== null && literalOf(already) === undefined) values[name] = value;
    const control = isSeed(name, widget) ? controlAt(listed[position], slots[index + 1]?.widget) : null;
    if (control === null) continue;
    position++;
    if (control !== "fixed") controls[name] = control;
  }
  return { values, beneath, controls, lost: [...lost, ...withoutButtons(listed.slice(position), slots)] };
}

/** The node with its listed values by name. What only a node of an unknown type has is no longer needed. */
export function withPlaced(node: GraphNode, { values, beneath, controls }: Placed): GraphNode {
  const { values: _values, inputs: _inputs, outputs: _outputs, ...rest } = comfyuiOf(node) ?? {};
  const { comfyui: _comfyui, ...ui } = node.ui ?? {};
  const kept = { ...(Object.keys(controls).length > 0 ? { control: controls } : {}), ...(Object.keys(beneath).length > 0 ? { beneath } : {}), ...(Object.keys(rest).length > 0 ? { comfyui: rest } : {}) };
  return { ...node, inputs: { ...node.inputs, ...(values as NonNullable<GraphNode["inputs"]>) }, ui: { ...ui, ...kept } };
}

interface Slot {
  name: string;
  widget: WidgetSchema;
}

/** The widgets as ComfyUI makes them: of required inputs, then of optional ones. */
function widgetsInOrder(inputs: readonly InputSpec[]): Slot[] {
  const ordered = [...inputs.filter((one) => !one.optional), ...inputs.filter((one) => one.optional)];
  return ordered.flatMap(({ name, widget }) => (widget ? [{ name, widget }] : []));
}

function isSeed(name: string, widget: WidgetSchema): boolean {
  return widget.widget === "number" && widget.kind === "INT" && (SEED_NAMES.has(name) || widget.seed === true);
}

/** What stands after a seed, unless it is the value of the next widget. Files of early 2023 say true or false. */
function controlAt(value: unknown, following: WidgetSchema | undefined): string | null {
  if (typeof value === "boolean") return following?.widget === "toggle" ? null : value ? "randomize" : "fixed";
  return CONTROLS.has(value) ? (value as string) : null;
}

function fits(widget: WidgetSchema, value: unknown): boolean {
  switch (widget.widget) {
    case "number":
      return (typeof value === "number" || typeof value === "bigint") && isWithin(widget, value);
    case "toggle":
      return typeof value === "boolean";
    case "choice":
      return widget.options.includes(value as string);
    case "text":
    case "file":
      return typeof value === "string";
  }
}

function isWithin({ kind, minimum, maximum }: NumberSchema, value: number | bigint): boolean {
  const isOfKind = kind === "FLOAT" || typeof value === "bigint" || Number.isInteger(value);
  return isOfKind && value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
}

function withoutButtons(left: readonly unknown[], slots: readonly Slot[]): readonly unknown[] {
  const buttons = slots.filter(({ widget }) => widget.widget === "file" && widget.upload).length;
  const captions = left.slice(0, buttons).findIndex((one) => !CAPTIONS.has(one));
  return left.slice(captions === -1 ? buttons : captions);
}

function comfyuiOf(node: GraphNode | undefined): Readonly<Record<string, unknown>> | null {
  const kept = node?.ui?.["comfyui"];
  return kept !== null && typeof kept === "object" && !Array.isArray(kept) ? (kept as Record<string, unknown>) : null;
}
