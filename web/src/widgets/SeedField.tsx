// A seed: a number, or the word "random", for which the service draws one at every run and says which.
import { Dices, Pin } from "lucide-react";
import type { NumberSchema } from "@/model/catalogue";
import { useWidgetServices, type WidgetProps } from "@/widgets/contract";
import { NumberField } from "@/widgets/NumberField";
import styles from "@/widgets/widgets.module.css";

export function SeedField(props: WidgetProps<NumberSchema, number | "random">) {
  const { value, onChange, label, place } = props;
  const { lastSeed } = useWidgetServices();
  if (value !== "random") {
    return (
      <div style={{ display: "flex", gap: 4, width: "100%", height: "100%" }}>
        <NumberField {...props} value={value} initial={typeof props.initial === "number" ? props.initial : undefined} />
        <button type="button" className={styles.chip} title="Draw a new seed at every run" aria-label={`${label}: random`} onClick={() => onChange("random", "done")}>
          <Dices size={13} />
        </button>
      </div>
    );
  }
  return (
    <div className={`${styles.field} ${place === "form" ? styles.form : ""}`}>
      <span className={styles.label}>{label}</span>
      <span className={`${styles.input} ${styles.mono}`}>{lastSeed === undefined ? "random" : `random, last ${lastSeed}`}</span>
      <button type="button" className={styles.chip} disabled={lastSeed === undefined} title="Keep the seed of the last run" aria-label={`${label}: keep`} onClick={() => onChange(Number(lastSeed ?? 0), "done")}>
        <Pin size={12} />
      </button>
    </div>
  );
}
