// One of a list of names. The plain form: the browser's own list.
import type { ChoiceSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function ChoiceField({ schema, value, onChange, label, disabled, problem, place }: WidgetProps<ChoiceSchema, string>) {
  const missing = value !== undefined && !schema.options.includes(value);
  return (
    <label className={`${styles.field} ${place === "form" ? styles.form : ""} ${problem || missing ? styles.wrong : ""}`}>
      <span className={styles.label}>{label}</span>
      <select className={styles.input} disabled={disabled} value={value ?? schema.options[0] ?? ""} onChange={(event) => onChange(event.target.value, "done")}>
        {missing && <option value={value}>{value}</option>}
        {schema.options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}
