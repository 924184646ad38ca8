// Where a number is typed, and stepped by keys. It tells of itself as what it is: a number between two others.
import type { ComponentProps, KeyboardEvent, RefObject } from "react";
import { leave } from "@/widgets/leave";
import type { Typing } from "@/widgets/number/useTyping";
import styles from "@/widgets/widgets.module.css";

interface NumberInputProps extends ComponentProps<"input"> {
  field: RefObject<HTMLInputElement | null>;
  typing: Typing;
  /** The number as it is shown. */
  shown: string;
  number: number;
  minimum: number;
  maximum: number;
  /** To type the next one, after one was taken. */
  onAgain: () => void;
}

const STEPS: Readonly<Record<string, number>> = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

export function NumberInput({ field, typing, shown, number, minimum, maximum, onAgain, ...others }: NumberInputProps) {
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const steps = STEPS[event.key];
    if (steps !== undefined) typing.step(steps, event);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      // It runs, wherever one is: the field only lets go of its number first.
      typing.commit();
      return;
    } else if (event.key === "Enter") {
      if (typing.accept()) requestAnimationFrame(() => field.current === document.activeElement && onAgain()); // unless it was left meanwhile
    } else if (event.key === "Escape") {
      typing.abandon();
      leave(event.currentTarget);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <input
      {...others}
      ref={field}
      className={styles.input}
      role="spinbutton"
      aria-valuenow={number}
      aria-valuetext={shown}
      aria-valuemin={Number.isFinite(minimum) ? minimum : undefined}
      aria-valuemax={Number.isFinite(maximum) ? maximum : undefined}
      inputMode="decimal"
      autoComplete="off"
      spellCheck={false}
      value={typing.text ?? shown}
      onChange={(event) => typing.type(event.target.value)}
      onFocus={(event) => {
        typing.begin();
        event.target.select();
      }}
      onBlur={typing.leave}
      onKeyDown={onKeyDown}
    />
  );
}
