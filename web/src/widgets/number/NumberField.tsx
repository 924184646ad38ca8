// A number: dragged sideways, typed (sums too), or stepped with arrows, buttons and, while it has the focus, the wheel.
import { useId, useRef, type CSSProperties, type MouseEvent } from "react";
import { useMessages, type Messages } from "@/i18n/messages";
import type { NumberSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import type { Fault } from "@/widgets/number/arithmetic";
import { bounds, shareOf, written } from "@/widgets/number/number";
import { NumberInput } from "@/widgets/number/NumberInput";
import { useFocusedWheel } from "@/widgets/number/useFocusedWheel";
import { useScrub } from "@/widgets/number/useScrub";
import { useTyping } from "@/widgets/number/useTyping";
import { Reset } from "@/widgets/Reset";
import { TypedFault } from "@/widgets/TypedFault";
import styles from "@/widgets/widgets.module.css";

export function NumberField(props: WidgetProps<NumberSchema, number | bigint>) {
  const { schema, value, onChange, label, initial, disabled, problem, place } = props;
  const { sums } = useMessages();
  const input = useRef<HTMLInputElement>(null);
  const faultId = useId();
  const number = Number(typeof value === "number" || typeof value === "bigint" ? value : (initial ?? schema.minimum ?? 0));
  const shown = typeof value === "number" ? written(schema, value) : value === undefined ? "" : String(value);
  const typing = useTyping({ schema, value, number, shown, onChange });
  const typed = typing.fault && inWords(typing.fault, sums);
  const fault = typed ?? problem;
  const share = shareOf(schema, number);
  const { minimum, maximum } = bounds(schema);
  useFocusedWheel(input, typing.text !== null, typing.step);

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
    else if (way < 0 ? !lowest : !highest) typing.step(way, event);
  };
  const scrubs = !disabled && typing.text === null && typeof value !== "bigint";
  const scrub = useScrub({ schema, value: number, enabled: scrubs, onChange, onClick: press });
  const look = [styles.field, styles.number, place === "form" ? styles.form : "", fault ? styles.wrong : "", typing.text !== null ? `${styles.editing} nowheel` : "", "nodrag"];
  return (
    <div
      className={look.filter(Boolean).join(" ")}
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
      <NumberInput field={input} typing={typing} shown={shown} number={number} minimum={minimum} maximum={maximum} disabled={disabled} aria-label={label} aria-invalid={fault ? true : undefined} aria-describedby={fault ? faultId : undefined} onAgain={edit} />
      {typed !== null && <TypedFault id={faultId} input={input} words={typing.refused ? sums.stays(typed, shown) : typed} />}
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
