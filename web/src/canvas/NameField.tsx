// A name on the canvas while it is being written. Enter, or leaving the field, keeps it; Escape does not.
import type { CSSProperties } from "react";
import styles from "@/canvas/canvas.module.css";

interface NameFieldProps {
  label: string;
  name: string;
  className?: string;
  style?: CSSProperties;
  /** Called once, with the name as it was after Escape. */
  onEnd: (name: string) => void;
}

export function NameField({ label, name, className = "", style, onEnd }: NameFieldProps) {
  return (
    <input
      className={`${styles.titleInput} nodrag nopan ${className}`}
      style={style}
      aria-label={label}
      defaultValue={name}
      autoFocus
      onFocus={(event) => event.target.select()}
      onBlur={(event) => onEnd(event.target.value)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Escape") event.currentTarget.value = name;
        if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}
