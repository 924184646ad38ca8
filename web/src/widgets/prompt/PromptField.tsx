// A text of several lines: prompts and the like.
import type { TextSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function PromptField({ value, onChange, label, disabled, place }: WidgetProps<TextSchema, string>) {
  return (
    <textarea
      className={styles.area}
      aria-label={label}
      placeholder={label}
      disabled={disabled}
      rows={place === "form" ? 4 : 1}
      value={value ?? ""}
      onChange={(event) => onChange(event.target.value, "live")}
      onBlur={(event) => onChange(event.target.value, "done")}
    />
  );
}
