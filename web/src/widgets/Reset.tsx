// The mark of a value that is not what the field starts from. Pressing it takes the value back.
import { useMessages } from "@/i18n/messages";
import type { ChangeKind } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

interface ResetProps<Value> {
  value: Value | undefined;
  initial?: Value;
  label: string;
  disabled?: boolean;
  onChange: (value: Value, kind?: ChangeKind) => void;
}

function isChanged(value: unknown, initial: unknown): boolean {
  return value !== undefined && initial !== undefined && value !== initial;
}

export function Reset<Value>({ value, initial, label, disabled, onChange }: ResetProps<Value>) {
  const { widgets: t } = useMessages();
  if (initial === undefined || disabled || !isChanged(value, initial)) return null;
  const shown = initial === "" ? t.empty : String(initial).slice(0, 80);
  return <button type="button" className={styles.reset} tabIndex={-1} aria-label={t.backTo(label, String(shown))} title={t.backToTip(String(shown))} onPointerDown={(event) => event.stopPropagation()} onClick={() => onChange(initial, "done")} />;
}
