// What is typed into a number's field: shown instead of the number while one is at it, and the number's once it makes sense.
import { useRef, useState } from "react";
import type { NumberSchema } from "@/model/catalogue";
import type { ChangeKind } from "@/widgets/contract";
import { calculate, type Fault } from "@/widgets/number/arithmetic";
import { allowed, exactly, paceOf, stepped, steppedExactly, written } from "@/widgets/number/number";

export interface Typing {
  /** Null while nobody types. */
  text: string | null;
  /** Why the text is no number. */
  fault: Fault | null;
  /** It was to be taken all the same. */
  refused: boolean;
  begin: () => void;
  type: (text: string) => void;
  /** Add so many steps to the text, or to the number. */
  step: (steps: number, event: { shiftKey: boolean; altKey: boolean }) => void;
  /** Make the text the number, if it is one. */
  commit: () => void;
  /** Take it and be done; false where it cannot be taken. */
  accept: () => boolean;
  /** What is typed is not wanted when the field is left. */
  abandon: () => void;
  leave: () => void;
}

interface TypingOptions {
  schema: NumberSchema;
  value: number | bigint | undefined;
  /** The number that is stepped from where nothing is typed. */
  number: number;
  /** The number as it is shown. */
  shown: string;
  onChange: (value: number | bigint, kind: ChangeKind) => void;
}

export function useTyping({ schema, value, number, shown, onChange }: TypingOptions): Typing {
  const [text, setText] = useState<string | null>(null);
  const [refused, setRefused] = useState(false);
  const abandoned = useRef(false);
  const answer = text === null || text.trim() === "" ? null : calculate(text);
  const fault = answer && "fault" in answer ? answer.fault : null;

  const commit = () => {
    if (text === null || !answer || "fault" in answer || text === shown) return;
    const next = exactly(schema, text) ?? allowed(schema, answer.value);
    if (next !== value) onChange(next, "done");
  };
  return {
    text,
    fault,
    refused,
    commit,
    begin() {
      abandoned.current = false;
      setText(shown);
    },
    type(next) {
      setText(next);
      setRefused(false);
    },
    step(steps, event) {
      const from = answer && "value" in answer ? answer.value : number;
      const next = typeof value === "bigint" ? steppedExactly(schema, value, steps, paceOf(event)) : stepped(schema, from, steps, paceOf(event));
      if (text !== null) setText(typeof next === "bigint" ? String(next) : written(schema, next));
      onChange(next, "done");
    },
    accept() {
      if (fault) setRefused(true);
      else {
        commit();
        setText(null);
      }
      return fault === null;
    },
    abandon() {
      abandoned.current = true;
    },
    leave() {
      if (!abandoned.current) commit();
      setText(null);
      setRefused(false);
    },
  };
}
