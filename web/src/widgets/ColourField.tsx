// A colour as #rrggbb.
import type { TextSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function ColourField({ value, onChange, label, disabled, place }: WidgetProps<TextSchema, string>) {
  return (
    <label className={`${styles.field} ${place === "form" ? styles.form : ""}`}>
      <span className={styles.label}>{label}</span>
      <input type="color" disabled={disabled} value={value ?? "#000000"} onChange={(event) => onChange(event.target.value, "live")} />
    </label>
  );
}
