// The closed form of a choice: what is chosen, and whether it is there. Opens the list, which is loaded when first asked for.
import { lazy, Suspense, useId, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { TriangleAlert } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import type { WidgetProps } from "@/widgets/contract";
import { leave } from "@/widgets/leave";
import { Reset } from "@/widgets/Reset";
import styles from "@/widgets/widgets.module.css";

const loadList = () => import("@/widgets/choice/ChoiceList").then((module) => ({ default: module.ChoiceList }));
const ChoiceList = lazy(loadList);

interface ChoiceControlProps extends Omit<WidgetProps<unknown, string>, "schema"> {
  names: readonly string[];
  /** Whether a value that is none of the names is amiss. Not so while the names are not known yet. */
  complete: boolean;
  recent?: () => readonly string[];
  pictureOf?: (name: string) => string;
  thumbnailOf?: (name: string) => string | null;
  /** What the list says where there is no name at all. */
  nothing?: string;
  footer?: (close: () => void) => ReactNode;
}

/** What was typed before the list was there, and whether Enter came after it. */
interface Opened {
  start: string;
  chooses: boolean;
}

const NONE: readonly string[] = [];
const AT_ONCE: Opened = { start: "", chooses: false };

export function ChoiceControl(props: ChoiceControlProps) {
  const { names, complete, recent, pictureOf, thumbnailOf, nothing, footer, value, onChange, label, disabled, problem, place } = props;
  const { widgets: t } = useMessages();
  const [opened, setOpened] = useState<Opened | null>(null);
  const field = useRef<HTMLDivElement>(null);
  const listId = useId();
  const button = useRef<HTMLButtonElement>(null);
  const known = useMemo(() => new Set(names), [names]);
  const missing = complete && value !== undefined && !known.has(value);
  const says = missing ? t.notHere(value) : problem;
  const shown = value === undefined ? t.choose : value;

  const close = () => {
    setOpened(null);
    button.current?.focus({ preventScroll: true });
  };
  const choose = (name: string) => {
    if (name !== value) onChange(name, "done");
    close();
  };
  const move = (by: number) => {
    const next = names[Math.min(names.length - 1, Math.max(0, (value === undefined ? -1 : names.indexOf(value)) + by))];
    if (next !== undefined && next !== value) onChange(next, "done");
  };
  const onKeyDown = (event: KeyboardEvent<HTMLButtonElement>) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const arrow = event.key === "ArrowDown" || event.key === "ArrowUp";
    if (opened) {
      // The list is on its way, and has the keys as soon as it is there. What is typed until then is for it.
      if (event.key === "Escape") close();
      else if (event.key === "Enter") setOpened((now) => ({ start: now?.start ?? "", chooses: true }));
      else if (plain && event.key.length === 1) setOpened((now) => (now?.chooses ? now : { start: (now?.start ?? "") + event.key, chooses: false }));
      else if (event.key === "Tab") return;
    } else if (arrow && (event.altKey || value === undefined)) setOpened(AT_ONCE);
    else if (arrow) move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape") leave(event.currentTarget);
    else if (event.key === "Enter" && plain) setOpened(AT_ONCE);
    else if (plain && event.key.length === 1 && event.key !== " ") setOpened({ start: event.key, chooses: false });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div ref={field} className={`${styles.field} ${place === "form" ? styles.form : ""} ${says ? styles.wrong : ""} nodrag`} title={says ?? value}>
      <span className={styles.label} aria-hidden>
        {label}
      </span>
      <Reset {...props} />
      <button
        ref={button}
        type="button"
        role="combobox"
        aria-haspopup="tree"
        aria-expanded={opened !== null}
        aria-controls={opened ? listId : undefined}
        aria-label={`${label}: ${shown}${missing ? t.lacks : ""}`}
        aria-invalid={says ? true : undefined}
        disabled={disabled}
        className={`${styles.open} ${styles.list}`}
        onFocus={() => void loadList().catch(() => undefined)}
        onClick={() => setOpened(AT_ONCE)}
        onKeyDown={onKeyDown}
      >
        {missing && <TriangleAlert size={12} aria-hidden className={styles.sign} />}
        <span className={`${styles.chosen} ${value === undefined ? styles.dim : ""}`} dir="auto">
          {shown}
        </span>
      </button>
      {opened && (
        <Suspense>
          <ChoiceList id={listId} anchor={field} label={label} names={names} value={value} missing={missing} recent={recent?.() ?? NONE} start={opened.start} chooses={opened.chooses} footer={footer?.(close)} onChoose={choose} onClose={close} {...(pictureOf ? { pictureOf } : {})} {...(thumbnailOf ? { thumbnailOf } : {})} {...(nothing ? { nothing } : {})} />
        </Suspense>
      )}
    </div>
  );
}
