// A number: dragged sideways, typed (sums too), or stepped with arrows, buttons and, while it has the focus, the wheel.
import { useEffect, useId, useRef, useState, type CSSProperties, type KeyboardEvent, type MouseEvent, type RefObject } from "react";
import { useMessages, type Messages } from "@/i18n/messages";
import type { NumberSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import { leave } from "@/widgets/leave";
import { calculate, type Fault } from "@/widgets/number/arithmetic";
import { allowed, bounds, exactly, paceOf, shareOf, stepped, steppedExactly, written } from "@/widgets/number/number";
import { useScrub } from "@/widgets/number/useScrub";
import { Reset } from "@/widgets/Reset";
import { TypedFault } from "@/widgets/TypedFault";
import styles from "@/widgets/widgets.module.css";

export function NumberField(props: WidgetProps<NumberSchema, number | bigint>) {
  const { schema, value, onChange, label, initial, disabled, problem, place } = props;
  const { sums } = useMessages();
  const [text, setText] = useState<string | null>(null);
  const [refused, setRefused] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const abandoned = useRef(false);
  const faultId = useId();
  const number = Number(typeof value === "number" || typeof value === "bigint" ? value : (initial ?? schema.minimum ?? 0));
  const shown = typeof value === "number" ? written(schema, value) : value === undefined ? "" : String(value);
  const answer = text === null || text.trim() === "" ? null : calculate(text);
  const typed = answer && "fault" in answer ? inWords(answer.fault, sums) : null;
  const fault = typed ?? problem;
  const share = shareOf(schema, number);
  const { minimum, maximum } = bounds(schema);

  const edit = () => {
    input.current?.focus({ preventScroll: true });
    input.current?.select();
  };
  const lowest = disabled || (typeof value === "number" && number <= minimum);
  const highest = disabled || (typeof value === "number" && number >= maximum);
  /** The arrows at both ends are drawn, not elements: a graph has many numbers. */
  const press = (event: MouseEvent<HTMLElement>) => {
    const way = endAt(event);
    if (way === 0) edit();
    else if (way < 0 ? !lowest : !highest) step(way, event);
  };
  const scrubs = !disabled && text === null && typeof value !== "bigint";
  const scrub = useScrub({ schema, value: number, enabled: scrubs, onChange, onClick: press });
  const step = (steps: number, event: { shiftKey: boolean; altKey: boolean }) => {
    const from = answer && "value" in answer ? answer.value : number;
    const next = typeof value === "bigint" ? steppedExactly(schema, value, steps, paceOf(event)) : stepped(schema, from, steps, paceOf(event));
    if (text !== null) setText(typeof next === "bigint" ? String(next) : written(schema, next));
    onChange(next, "done");
  };
  const commit = () => {
    if (text !== null && answer && "value" in answer && text !== shown) {
      const next = exactly(schema, text) ?? allowed(schema, answer.value);
      if (next !== value) onChange(next, "done");
    }
  };
  useFocusedWheel(input, text !== null, step);

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") step(event.key === "ArrowUp" ? 1 : -1, event);
    else if (event.key === "PageUp" || event.key === "PageDown") step(event.key === "PageUp" ? 10 : -10, event);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      // It runs, wherever one is: the field only lets go of its number first.
      commit();
      return;
    } else if (event.key === "Enter") {
      if (typed !== null) setRefused(true);
      else {
        commit();
        setText(null);
        requestAnimationFrame(edit);
      }
    } else if (event.key === "Escape") {
      abandoned.current = true;
      leave(event.currentTarget);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      className={`${styles.field} ${styles.number} ${place === "form" ? styles.form : ""} ${fault ? styles.wrong : ""} ${text !== null ? `${styles.editing} nowheel` : ""} nodrag`}
      style={share === null ? undefined : ({ "--share": share } as CSSProperties)}
      data-slider={share === null ? undefined : ""}
      title={typed === null ? problem : undefined}
      data-lowest={lowest ? "" : undefined}
      data-highest={highest ? "" : undefined}
      {...scrub}
      onMouseDown={(event) => event.target === event.currentTarget && event.preventDefault()}
      onClick={(event) => !scrubs && endAt(event) !== 0 && press(event)}
    >
      <span className={styles.label}>{label}</span>
      <Reset {...props} />
      <input
        ref={input}
        className={styles.input}
        role="spinbutton"
        aria-label={label}
        aria-valuenow={number}
        aria-valuetext={shown}
        aria-valuemin={Number.isFinite(minimum) ? minimum : undefined}
        aria-valuemax={Number.isFinite(maximum) ? maximum : undefined}
        aria-invalid={fault ? true : undefined}
        aria-describedby={fault ? faultId : undefined}
        inputMode="decimal"
        autoComplete="off"
        spellCheck={false}
        disabled={disabled}
        value={text ?? shown}
        onChange={(event) => {
          setText(event.target.value);
          setRefused(false);
        }}
        onFocus={(event) => {
          abandoned.current = false;
          setText(shown);
          event.target.select();
        }}
        onBlur={() => {
          if (!abandoned.current) commit();
          setText(null);
          setRefused(false);
        }}
        onKeyDown={onKeyDown}
      />
      {typed !== null && <TypedFault id={faultId} input={input} words={refused ? sums.stays(typed, shown) : typed} />}
      {typed === null && problem && (
        <span id={faultId} className="sr-only">
          {problem}
        </span>
      )}
    </div>
  );
}

function inWords(fault: Fault, t: Messages["sums"]): string {
  return fault.kind === "rest" || fault.kind === "word" ? t[fault.kind](fault.text) : t[fault.kind];
}

/** At which end of a field an event is, where its arrows are: -1, 1, or 0 between them. */
function endAt(event: MouseEvent<HTMLElement>): -1 | 0 | 1 {
  const field = event.currentTarget;
  const { left, right, width } = field.getBoundingClientRect();
  const end = (width / field.offsetWidth) * Number.parseFloat(getComputedStyle(field).paddingLeft); // the canvas may be zoomed
  return event.clientX < left + end ? -1 : event.clientX > right - end ? 1 : 0;
}

/** The wheel steps only while the field has the focus; else it is the canvas's. */
function useFocusedWheel(input: RefObject<HTMLInputElement | null>, focused: boolean, step: (steps: number, event: WheelEvent) => void): void {
  const latest = useRef(step);
  useEffect(() => {
    latest.current = step;
  });
  useEffect(() => {
    const field = input.current?.parentElement;
    if (!focused || !field) return;
    const turn = (event: WheelEvent) => {
      if (event.ctrlKey || event.deltaY === 0) return;
      event.preventDefault();
      event.stopPropagation();
      latest.current(event.deltaY < 0 ? 1 : -1, event);
    };
    field.addEventListener("wheel", turn, { passive: false });
    return () => field.removeEventListener("wheel", turn);
  }, [input, focused]);
}
