// One line of text.
import type { TextSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function TextField({ value, onChange, label, disabled, problem, place }: WidgetProps<TextSchema, string>) {
  return (
    <label className={`${styles.field} ${place === "form" ? styles.form : ""} ${problem ? styles.wrong : ""}`}>
      <span className={styles.label}>{label}</span>
      <input
        className={styles.input}
        disabled={disabled}
        value={value ?? ""}
        spellCheck={false}
        onChange={(event) => onChange(event.target.value, "live")}
        onBlur={(event) => onChange(event.target.value, "done")}
      />
    </label>
  );
}
