// A seed: fixed, or drawn by the service at every run. The field never changes by itself: it says what it will do, and which seed
// was used last.
import { Pin } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import type { NumberSchema } from "@/model/catalogue";
import { useWidgetServices, type WidgetProps } from "@/widgets/contract";
import { Crossing, Dice } from "@/widgets/number/icons";
import { NumberField } from "@/widgets/number/NumberField";
import { drawSeed, keepable, type Seed } from "@/widgets/number/seed";
import styles from "@/widgets/widgets.module.css";

export function SeedField(props: WidgetProps<NumberSchema, Seed>) {
  const { schema, value, onChange, label, initial, disabled, place } = props;
  const { widgets: t } = useMessages();
  const { lastSeed } = useWidgetServices();
  const random = value === "random";
  const kept = keepable(lastSeed);
  const makeFixed = () => onChange(kept ?? (initial === undefined || initial === "random" ? drawSeed(schema) : initial), "done");
  const icon = place === "form" ? 15 : 12;
  return (
    <div className={`${styles.composed} nodrag`} role="group" aria-label={label}>
      {random ? (
        <div className={`${styles.field} ${place === "form" ? styles.form : ""}`} title={lastSeed === undefined ? t.seedDrawn : t.lastSeed(String(lastSeed))}>
          <span className={styles.label}>{label}</span>
          <span className={`${styles.input} ${styles.seed}`} aria-live="polite">
            {lastSeed === undefined ? (
              t.random
            ) : (
              <>
                <span className={place === "form" ? styles.dim : "sr-only"}>{t.last}</span> <span className={styles.mono}>{String(lastSeed)}</span>
              </>
            )}
          </span>
        </div>
      ) : (
        <NumberField {...props} value={value} initial={initial === "random" ? undefined : initial} onChange={onChange} />
      )}
      {random ? (
        <button type="button" className={styles.tool} disabled={disabled || kept === null} title={kept === null ? t.keepAfterRun : t.keepSeed(String(kept))} aria-label={t.keepLast(label)} onClick={() => onChange(kept ?? 0, "done")}>
          <Pin size={icon} aria-hidden />
        </button>
      ) : (
        <button type="button" className={styles.tool} disabled={disabled} title={t.otherSeed} aria-label={t.otherSeedOf(label)} onClick={() => onChange(drawSeed(schema), "done")}>
          <Dice size={icon} />
        </button>
      )}
      <button
        type="button"
        className={`${styles.tool} ${random ? styles.on : ""}`}
        aria-pressed={random}
        disabled={disabled}
        title={random ? t.isNewEachRun : t.makeNewEachRun}
        aria-label={t.newEachRun(label)}
        onClick={() => (random ? makeFixed() : onChange("random", "done"))}
      >
        <Crossing size={icon} />
      </button>
    </div>
  );
}
