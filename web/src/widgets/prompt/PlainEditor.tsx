// A prompt as a text area: while the editor is on its way, and where it cannot be had.
import { useLayoutEffect, useRef } from "react";
import type { PromptEditorProps } from "@/widgets/prompt/PromptField";
import { reweigh, WEIGHT_STEP } from "@/widgets/prompt/weight";
import styles from "@/widgets/prompt/prompt.module.css";

export function PlainEditor({ value, label, start, onText, onLeave, onBlur }: PromptEditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    area.current?.focus({ preventScroll: true });
  }, []);
  // What takes the place of this one begins where the caret is.
  const keep = () => {
    if (area.current) start.selection = [area.current.selectionStart, area.current.selectionEnd];
  };
  return (
    <textarea
      ref={area}
      className={styles.rest}
      aria-label={label}
      value={value}
      onChange={(event) => {
        keep();
        onText(event.target.value);
      }}
      onBlur={() => {
        // When the editor takes over, the focus goes to it, not away.
        window.setTimeout(() => {
          if (!document.activeElement?.closest(`.${styles.prompt}`)) onBlur();
        });
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          onLeave();
        } else if ((event.ctrlKey || event.metaKey) && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
          const edit = reweigh(value, event.currentTarget.selectionStart, event.currentTarget.selectionEnd, event.key === "ArrowUp" ? WEIGHT_STEP : -WEIGHT_STEP);
          if (!edit) return;
          event.currentTarget.setSelectionRange(edit.from, edit.to);
          document.execCommand("insertText", false, edit.insert); // keeps the browser's own undo
          event.currentTarget.setSelectionRange(...edit.select);
        } else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
