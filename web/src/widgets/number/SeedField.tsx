// A seed: fixed, or drawn by the service at every run. The field never changes by itself: it says what it will do, and which seed
// was used last.
import { Pin } from "lucide-react";
import type { NumberSchema } from "@/model/catalogue";
import { useWidgetServices, type WidgetProps } from "@/widgets/contract";
import { Crossing, Dice } from "@/widgets/number/icons";
import { NumberField } from "@/widgets/number/NumberField";
import { drawSeed, keepable, type Seed } from "@/widgets/number/seed";
import styles from "@/widgets/widgets.module.css";

export function SeedField(props: WidgetProps<NumberSchema, Seed>) {
  const { schema, value, onChange, label, initial, disabled, place } = props;
  const { lastSeed } = useWidgetServices();
  const random = value === "random";
  const kept = keepable(lastSeed);
  const makeFixed = () => onChange(kept ?? (initial === undefined || initial === "random" ? drawSeed(schema) : initial), "done");
  const icon = place === "form" ? 15 : 12;
  return (
    <div className={`${styles.composed} nodrag`} role="group" aria-label={label}>
      {random ? (
        <div className={`${styles.field} ${place === "form" ? styles.form : ""}`} title={lastSeed === undefined ? "The service draws a seed at every run" : `The last run used ${lastSeed}`}>
          <span className={styles.label}>{label}</span>
          <span className={`${styles.input} ${styles.seed}`} aria-live="polite">
            {lastSeed === undefined ? (
              "random"
            ) : (
              <>
                <span className={place === "form" ? styles.dim : "sr-only"}>last</span> <span className={styles.mono}>{String(lastSeed)}</span>
              </>
            )}
          </span>
        </div>
      ) : (
        <NumberField {...props} value={value} initial={initial === "random" ? undefined : initial} onChange={onChange} />
      )}
      {random ? (
        <button type="button" className={styles.tool} disabled={disabled || kept === null} title={kept === null ? "After a run: keep the seed that it used" : `Keep ${kept}: use it in every run from now on`} aria-label={`${label}: keep the last seed`} onClick={() => onChange(kept ?? 0, "done")}>
          <Pin size={icon} aria-hidden />
        </button>
      ) : (
        <button type="button" className={styles.tool} disabled={disabled} title="Another seed, now" aria-label={`${label}: another seed`} onClick={() => onChange(drawSeed(schema), "done")}>
          <Dice size={icon} />
        </button>
      )}
      <button
        type="button"
        className={`${styles.tool} ${random ? styles.on : ""}`}
        aria-pressed={random}
        disabled={disabled}
        title={random ? "A new seed at every run. Press to use a fixed one" : "Use a new seed at every run"}
        aria-label={`${label}: a new one at every run`}
        onClick={() => (random ? makeFixed() : onChange("random", "done"))}
      >
        <Crossing size={icon} />
      </button>
    </div>
  );
}
