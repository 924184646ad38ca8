// One of a list of names.
import type { ChoiceSchema } from "@/model/catalogue";
import { ChoiceControl } from "@/widgets/choice/ChoiceControl";
import type { WidgetProps } from "@/widgets/contract";

export function ChoiceField({ schema, ...props }: WidgetProps<ChoiceSchema, string>) {
  return <ChoiceControl {...props} names={schema.options} complete />;
}
