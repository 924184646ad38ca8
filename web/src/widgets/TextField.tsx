// A text of one line, or of several that are no prompt. In a form it grows with what is in it, in a node it scrolls.
import { useLayoutEffect, useRef, useState, type KeyboardEvent, type Ref } from "react";
import type { TextSchema } from "@/model/catalogue";
import type { WidgetProps } from "@/widgets/contract";
import { leave } from "@/widgets/leave";
import { Reset } from "@/widgets/Reset";
import styles from "@/widgets/widgets.module.css";

export function TextField(props: WidgetProps<TextSchema, string>) {
  const { schema, value, onChange, label, disabled, problem, place } = props;
  const area = useRef<HTMLTextAreaElement>(null);
  const before = useRef<string | null>(null);
  const [focused, setFocused] = useState(false);
  const text = value === undefined ? "" : String(value);
  useHeightOfText(area, text, place === "form");

  const common = {
    "aria-label": label,
    "aria-invalid": problem ? true : undefined,
    title: problem,
    disabled,
    value: text,
    spellCheck: false,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value, "live"),
    onFocus: () => {
      before.current = text;
      setFocused(true);
    },
    onBlur: () => {
      setFocused(false);
      if (before.current !== null && before.current !== text) onChange(text, "done");
      before.current = null;
    },
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      const done = event.key === "Escape" || (event.key === "Enter" && (!schema.multiline || event.ctrlKey || event.metaKey));
      // Ctrl+Enter runs, wherever one is: the field only lets go of its text first.
      if (event.key === "Enter" && !schema.multiline && !event.ctrlKey && !event.metaKey) (event.currentTarget as HTMLInputElement).select();
      if (done && before.current !== null && before.current !== text) onChange(text, "done");
      if (done) before.current = text;
      if (event.key !== "Escape") return;
      leave(event.currentTarget);
      event.preventDefault();
      event.stopPropagation();
    },
  };
  if (schema.multiline) {
    return (
      <div className={`${styles.box} ${problem ? styles.wrong : ""} ${focused ? "nowheel" : ""} nodrag`}>
        <textarea {...common} ref={area as Ref<HTMLTextAreaElement>} className={`${styles.area} ${place === "form" ? styles.grows : ""}`} placeholder={label} rows={place === "form" ? 3 : 1} />
      </div>
    );
  }
  return (
    <label className={`${styles.field} ${place === "form" ? styles.form : ""} ${problem ? styles.wrong : ""} nodrag`}>
      <span className={styles.label}>{label}</span>
      <Reset {...props} />
      <input {...common} className={styles.input} autoComplete="off" />
    </label>
  );
}

/** Where the browser cannot do it by itself, give the area the height of its text. */
function useHeightOfText(area: { current: HTMLTextAreaElement | null }, text: string, wanted: boolean): void {
  useLayoutEffect(() => {
    const element = area.current;
    if (!wanted || !element || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [area, text, wanted]);
}
