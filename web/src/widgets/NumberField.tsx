// A number: typed. Out of range and unreadable texts fall back to the nearest value that is allowed.
import { useState } from "react";
import type { NumberSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function NumberField({ schema, value, onChange, label, disabled, problem, place }: WidgetProps<NumberSchema, number>) {
  const [text, setText] = useState<string | null>(null);
  const commit = () => {
    const number = Number((text ?? "").replace(",", "."));
    if (text !== null && text.trim() !== "" && Number.isFinite(number)) onChange(allowed(schema, number), "done");
    setText(null);
  };
  return (
    <label className={`${styles.field} ${place === "form" ? styles.form : ""} ${problem ? styles.wrong : ""}`}>
      <span className={styles.label}>{label}</span>
      <input
        className={styles.input}
        inputMode="decimal"
        disabled={disabled}
        value={text ?? (value === undefined ? "" : String(value))}
        onChange={(event) => setText(event.target.value)}
        onFocus={(event) => event.target.select()}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit();
          if (event.key === "Escape") setText(null);
        }}
      />
    </label>
  );
}

/** The nearest value that the schema allows. */
export function allowed(schema: NumberSchema, value: number): number {
  const bounded = Math.min(schema.maximum ?? Infinity, Math.max(schema.minimum ?? -Infinity, value));
  if (schema.kind === "INT") return Math.round(bounded);
  return schema.round ? Number((Math.round(bounded / schema.round) * schema.round).toFixed(10)) : bounded;
}
