// Yes or no.
import type { ToggleSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import { leave } from "@/widgets/leave";
import { Reset } from "@/widgets/Reset";
import styles from "@/widgets/widgets.module.css";

export function ToggleField(props: WidgetProps<ToggleSchema, boolean>) {
  const { value, onChange, label, disabled, problem, place } = props;
  const on = value === true;
  return (
    <div className={`${styles.field} ${place === "form" ? styles.form : ""} ${problem ? styles.wrong : ""} nodrag`} title={problem}>
      <span className={styles.label} aria-hidden>
        {label}
      </span>
      <Reset {...props} />
      <button
        type="button"
        role="switch"
        aria-checked={on}
        aria-label={label}
        disabled={disabled}
        className={styles.switch}
        onClick={() => onChange(!on, "done")}
        onKeyDown={(event) => {
          if (event.key === "Escape") leave(event.currentTarget);
          else if (event.key === "ArrowRight" || event.key === "ArrowLeft") onChange(event.key === "ArrowRight", "done");
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      >
        <span className={styles.track} data-on={on ? "" : undefined} />
      </button>
    </div>
  );
}
