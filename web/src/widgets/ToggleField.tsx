// Yes or no.
import type { ToggleSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function ToggleField({ value, onChange, label, disabled, place }: WidgetProps<ToggleSchema, boolean>) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={value === true}
      disabled={disabled}
      className={`${styles.field} ${place === "form" ? styles.form : ""}`}
      onClick={() => onChange(value !== true, "done")}
    >
      <span className={styles.label}>{label}</span>
      <span className={styles.input}>{value === true ? "on" : "off"}</span>
    </button>
  );
}
