// A colour that a node takes as a whole number, 0xrrggbb.
import { lazy, Suspense, useRef, useState } from "react";
import type { NumberSchema, WidgetSchema } from "@/model/catalogue";
import { toHex } from "@/widgets/colour/colour";
import type { WidgetProps } from "@/widgets/contract";
import { leave } from "@/widgets/leave";
import { Reset } from "@/widgets/Reset";
import styles from "@/widgets/widgets.module.css";

const ColourPicker = lazy(() => import("@/widgets/colour/ColourPicker").then((module) => ({ default: module.ColourPicker })));

/** Whole numbers from 0 to 0xffffff, and nothing else has that range, are colours. */
export function isColour(schema: WidgetSchema): boolean {
  return schema.widget === "number" && schema.kind === "INT" && schema.minimum === 0 && schema.maximum === 0xffffff;
}

export function ColourField(props: WidgetProps<NumberSchema, number>) {
  const { value, onChange, label, initial, disabled, problem, place } = props;
  const [open, setOpen] = useState(false);
  const field = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const colour = typeof value === "number" ? value : (initial ?? 0);
  return (
    <div ref={field} className={`${styles.field} ${place === "form" ? styles.form : ""} ${problem ? styles.wrong : ""} nodrag`} title={problem}>
      <span className={styles.label} aria-hidden>
        {label}
      </span>
      <Reset {...props} />
      <button
        ref={button}
        type="button"
        className={styles.open}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={`${label}: ${toHex(colour)}`}
        disabled={disabled}
        onClick={() => setOpen(true)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          leave(event.currentTarget);
          event.stopPropagation();
        }}
      >
        <span className={`${styles.chosen} ${styles.mono}`}>{toHex(colour)}</span>
        <span className={styles.swatch} style={{ background: toHex(colour) }} />
      </button>
      {open && (
        <Suspense>
          <ColourPicker
            anchor={field}
            label={label}
            colour={colour}
            onChange={onChange}
            onClose={() => {
              setOpen(false);
              button.current?.focus({ preventScroll: true });
            }}
          />
        </Suspense>
      )}
    </div>
  );
}
