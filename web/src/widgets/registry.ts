// Which widget edits which schema. Nodes, forms and settings all ask here.
import type { WidgetSchema } from "@/model/catalogue";
import { ChoiceField } from "@/widgets/ChoiceField";
import type { Widget } from "@/widgets/contract";
import { FileField } from "@/widgets/FileField";
import { NumberField } from "@/widgets/NumberField";
import { PromptField } from "@/widgets/PromptField";
import { SeedField } from "@/widgets/SeedField";
import { TextField } from "@/widgets/TextField";
import { ToggleField } from "@/widgets/ToggleField";

/** The widget for a schema. Each takes the values of its own schema only, which the table keeps and types cannot say. */
export function widgetFor(schema: WidgetSchema): Widget {
  switch (schema.widget) {
    case "number":
      return (schema.seed ? SeedField : NumberField) as unknown as Widget;
    case "text":
      return (schema.multiline ? PromptField : TextField) as unknown as Widget;
    case "toggle":
      return ToggleField as unknown as Widget;
    case "choice":
      return ChoiceField as unknown as Widget;
    case "file":
      return FileField as unknown as Widget;
  }
}
