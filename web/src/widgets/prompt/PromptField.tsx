// A prompt. At rest it is the text with its weights and embeddings marked; with the focus it is an editor, which is loaded when first
// needed and until then, or where it cannot be loaded, a plain text area. Nothing but the value outlives the focus.
import { lazy, Suspense, useMemo, useRef, useState, type ComponentType, type PointerEvent, type ReactNode } from "react";
import { Dices } from "lucide-react";
import { useMessages, type Messages } from "@/i18n/messages";
import type { TextSchema } from "@/model/catalogue";
import { useWidgetServices, type TokenCount, type WidgetProps } from "@/widgets/contract";
import { leave } from "@/widgets/leave";
import { alternativesIn } from "@/widgets/prompt/alternatives";
import { knows, type Known, type Offer } from "@/widgets/prompt/completion";
import { marksOf } from "@/widgets/prompt/grammar";
import { PlainEditor } from "@/widgets/prompt/PlainEditor";
import { countWords, useTokens } from "@/widgets/prompt/useTokens";
import { Reset } from "@/widgets/Reset";
import styles from "@/widgets/prompt/prompt.module.css";

export interface PromptEditorProps {
  value: string;
  label: string;
  known: Known;
  /** What stands beside what completes the text. */
  details: Readonly<Record<Offer["kind"], string>>;
  /** Places in the text where a chunk begins, but for the first. */
  borders: readonly number[];
  /** Where to put the caret: a point on the screen, a selection, or, with neither, the end. */
  start: Caret;
  onText: (text: string) => void;
  onLora: ((name: string) => void) | undefined;
  onLeave: () => void;
  onBlur: () => void;
}

export type Caret = { point: { x: number; y: number } | null; selection: [number, number] | null };

const loadEditor = (): Promise<{ default: ComponentType<PromptEditorProps> }> =>
  import("@/widgets/prompt/CodeEditor").then(
    (module) => ({ default: module.CodeEditor }),
    () => ({ default: PlainEditor }),
  );
const Editor = lazy(loadEditor);

const NONE: readonly string[] = [];

export function PromptField(props: WidgetProps<TextSchema, string>) {
  const { schema, value, onChange, label, disabled, problem, place } = props;
  const { widgets: t } = useMessages();
  const services = useWidgetServices();
  const text = value === undefined ? "" : String(value);
  const [editing, setEditing] = useState<Caret | null>(null);
  const rest = useRef<HTMLDivElement>(null);
  const point = useRef<Caret["point"]>(null);
  const before = useRef(text);
  const [near, setNear] = useState(false);
  const tokens = useTokens(text, editing !== null || near || place === "form");
  const embeddings = schema.mentions ? services.files(schema.mentions) : NONE;
  const loras = services.addLora ? services.files("loras") : NONE;
  const known = useMemo<Known>(() => ({ embeddings, loras, suffixes: schema.suffixes ?? NONE }), [embeddings, loras, schema.suffixes]);
  const drawn = schema.dynamic_prompts && alternativesIn(text).length > 0 ? services.lastTexts[label] : undefined;
  const borders = useMemo(() => bordersOf(tokens, text.length), [tokens, text.length]);

  const enter = () => {
    setNear(true);
    void loadEditor();
  };
  const begin = () => {
    if (disabled || editing) return;
    before.current = text;
    setEditing({ point: point.current, selection: null });
    point.current = null;
  };
  const end = () => {
    if (!document.hasFocus()) return; // the window lost the focus, not the field
    setEditing(null);
    if (text !== before.current) onChange(text, "done");
  };
  const editor: PromptEditorProps = {
    value: text,
    label,
    known,
    details: t.completes,
    borders,
    start: editing ?? { point: null, selection: null },
    onText: (next) => onChange(next, "live"),
    onLora: services.addLora,
    onBlur: end,
    onLeave: () => {
      const field = rest.current?.parentElement ?? document.activeElement;
      if (field instanceof HTMLElement) leave(document.activeElement instanceof HTMLElement && field.contains(document.activeElement) ? document.activeElement : field);
    },
  };
  return (
    <div className={`${styles.prompt} ${place === "form" ? styles.form : ""} ${problem ? styles.wrong : ""} ${editing ? "nowheel nokey" : ""} nodrag`} title={editing ? undefined : problem} onPointerEnter={enter} onPointerLeave={() => setNear(false)}>
      {editing ? (
        <Suspense fallback={<PlainEditor {...editor} />}>
          <Editor {...editor} />
        </Suspense>
      ) : (
        <div
          ref={rest}
          role="textbox"
          aria-multiline
          aria-label={label}
          aria-disabled={disabled || undefined}
          aria-invalid={problem ? true : undefined}
          tabIndex={disabled ? -1 : 0}
          className={styles.rest}
          onPointerDown={(event: PointerEvent) => (point.current = { x: event.clientX, y: event.clientY })}
          onFocus={begin}
        >
          {text === "" ? <span className={styles.placeholder}>{label}</span> : <Marked text={text} known={known} borders={borders} />}
        </div>
      )}
      <div className={styles.corner}>
        <Reset {...props} />
        {drawn !== undefined && (
          <span className={styles.drawn} title={t.lastText(drawn)} role="img" aria-label={t.lastText(drawn)}>
            <Dices size={11} />
          </span>
        )}
        {tokens && (
          <span className={styles.tokens} data-long={tokens.chunks.length > 1 ? "" : undefined} title={says(tokens, t)}>
            {countWords(tokens)}
          </span>
        )}
      </div>
    </div>
  );
}

function Marked({ text, known, borders }: { text: string; known: Known; borders: readonly number[] }) {
  const isKnown = useMemo(() => knows(known), [known]);
  const marks = useMemo(() => marksOf(text, isKnown), [text, isKnown]);
  const parts: ReactNode[] = [];
  let at = 0;
  const plain = (to: number) => {
    for (const border of borders) {
      if (border <= at || border >= to) continue;
      parts.push(text.slice(at, border), <i key={`b${border}`} className={styles.border} />);
      at = border;
    }
    parts.push(text.slice(at, to));
    at = to;
  };
  for (const { from, to, kinds } of marks) {
    plain(from);
    parts.push(
      <span key={from} className={kinds.map((kind) => styles[kind]).join(" ")}>
        {text.slice(from, to)}
      </span>,
    );
    at = to;
  }
  plain(text.length);
  return parts;
}

function bordersOf(tokens: TokenCount | null, length: number): number[] {
  return (tokens?.chunks ?? []).slice(1).map((chunk) => Math.min(chunk.from, length));
}

function says({ room, chunks }: TokenCount, t: Messages["widgets"]): string {
  const each = chunks.map((chunk) => t.tokensOf(chunk.tokens, room)).join(", ");
  return chunks.length > 1 ? t.tokenChunks(chunks.length, each) : t.tokens(each);
}
