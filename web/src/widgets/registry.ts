// Which widget edits which schema. Nodes, forms and settings all ask here.
import type { TextSchema, WidgetSchema } from "@/model/catalogue";
import { ChoiceField } from "@/widgets/choice/ChoiceField";
import { ColourField, isColour } from "@/widgets/colour/ColourField";
import type { Widget } from "@/widgets/contract";
import { FileField } from "@/widgets/choice/FileField";
import { NumberField } from "@/widgets/number/NumberField";
import { PromptField } from "@/widgets/prompt/PromptField";
import { SeedField } from "@/widgets/number/SeedField";
import { TextField } from "@/widgets/TextField";
import { ToggleField } from "@/widgets/ToggleField";

/** The widget for a schema. Each takes the values of its own schema only, which the table keeps and types cannot say. */
export function widgetFor(schema: WidgetSchema): Widget {
  switch (schema.widget) {
    case "number":
      return (schema.seed ? SeedField : isColour(schema) ? ColourField : NumberField) as unknown as Widget;
    case "text":
      return (isPrompt(schema) ? PromptField : TextField) as unknown as Widget;
    case "toggle":
      return ToggleField as unknown as Widget;
    case "choice":
      return ChoiceField as unknown as Widget;
    case "file":
      return FileField as unknown as Widget;
  }
}

/** Prompts have a grammar of their own: weights, embeddings, alternatives. Other texts are plain. */
function isPrompt(schema: TextSchema): boolean {
  return schema.multiline === true && (schema.dynamic_prompts === true || schema.mentions !== undefined);
}
