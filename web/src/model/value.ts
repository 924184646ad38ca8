// The value that an input has: what the document gives, else what the node starts from.
import type { Input } from "@/generated/workflow";
import type { InputSpec } from "@/model/catalogue";
import { literalOf } from "@/model/document";

export function valueOf(input: InputSpec, given: Input | undefined): unknown {
  const literal = literalOf(given);
  if (literal !== undefined) return literal;
  if (input.default !== undefined) return input.default;
  return input.widget?.widget === "choice" ? input.widget.options[0] : undefined;
}
