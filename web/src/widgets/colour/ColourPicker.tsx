// The open form of a colour: an area of saturation and brightness, a strip of hues, the number, and the browser's pipette where it
// has one.
import { useRef, useState, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import { Pipette } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { fromHex, fromHsv, toHex, toHsv, type Hsv } from "@/widgets/colour/colour";
import type { ChangeKind } from "@/widgets/contract";
import { Popup } from "@/widgets/Popup";
import styles from "@/widgets/colour/colour.module.css";

interface ColourPickerProps {
  anchor: RefObject<HTMLElement | null>;
  label: string;
  /** 0xrrggbb. */
  colour: number;
  onChange: (colour: number, kind: ChangeKind) => void;
  onClose: () => void;
}

interface EyeDropperWindow {
  EyeDropper?: new () => { open: () => Promise<{ sRGBHex: string }> };
}

export function ColourPicker({ anchor, label, colour, onChange, onClose }: ColourPickerProps) {
  // Greys have no hue and black has no saturation: what was picked is remembered as long as it gives the colour.
  const [picked, setPicked] = useState<Hsv>(() => toHsv(colour));
  const now = fromHsv(picked) === colour ? picked : toHsv(colour);
  const [text, setText] = useState<string | null>(null);
  const put = (next: Hsv, kind: ChangeKind) => {
    setPicked(next);
    onChange(fromHsv(next), kind);
  };
  const { widgets: t } = useMessages();
  const Dropper = (window as EyeDropperWindow).EyeDropper;
  return (
    <Popup anchor={anchor} label={label} width={220} onClose={onClose}>
      <div className={styles.picker}>
        <Pad label={t.saturation(label)} x={now.saturation} y={1 - now.value} background={`hsl(${now.hue} 100% 50%)`} says={t.saturationSays(percent(now.saturation), percent(now.value))} className={styles.area ?? ""} onMove={(x, y, kind) => put({ ...now, saturation: x, value: 1 - y }, kind)} />
        <Pad label={t.hue(label)} x={now.hue / 360} y={null} says={t.hueSays(Math.round(now.hue))} className={styles.hues ?? ""} onMove={(x, _y, kind) => put({ ...now, hue: Math.min(359.9, x * 360) }, kind)} />
        <div className={styles.row}>
          <span className={styles.now} style={{ background: toHex(colour) }} />
          <input
            aria-label={t.asNumber(label)}
            spellCheck={false}
            value={text ?? toHex(colour)}
            aria-invalid={text !== null && fromHex(text) === null}
            onChange={(event) => {
              setText(event.target.value);
              const read = fromHex(event.target.value);
              if (read !== null) onChange(read, "live");
            }}
            onBlur={() => {
              setText(null);
              onChange(colour, "done");
            }}
            onKeyDown={(event) => event.key === "Enter" && onClose()}
          />
          {Dropper && (
            <button
              type="button"
              title={t.dropper}
              aria-label={t.dropper}
              onClick={() => {
                void new Dropper()
                  .open()
                  .then(({ sRGBHex }) => onChange(fromHex(sRGBHex) ?? colour, "done"))
                  .catch(() => undefined); // closed without a choice
              }}
            >
              <Pipette size={14} aria-hidden />
            </button>
          )}
        </div>
      </div>
    </Popup>
  );
}

interface PadProps {
  label: string;
  x: number;
  y: number | null;
  says: string;
  background?: string;
  className: string;
  onMove: (x: number, y: number, kind: ChangeKind) => void;
}

/** A surface with a point on it, by pointer and by arrow keys. */
function Pad({ label, x, y, says, background, className, onMove }: PadProps) {
  const held = useRef(false);
  const at = (event: PointerEvent<HTMLElement>, kind: ChangeKind) => {
    const box = event.currentTarget.getBoundingClientRect();
    onMove(share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height), kind);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const by = event.shiftKey ? 0.1 : 0.01;
    const moves: Record<string, [number, number]> = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const along = y === null ? move[0] - move[1] : move[0];
    onMove(share(x + along), share((y ?? 0) + move[1]), "done");
  };
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuenow={Math.round(x * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={says}
      className={className}
      style={{ backgroundColor: background }}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        held.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        at(event, "live");
      }}
      onPointerMove={(event) => held.current && at(event, "live")}
      onPointerUp={(event) => {
        held.current = false;
        at(event, "done");
      }}
    >
      <span className={styles.point} style={{ left: `${x * 100}%`, top: y === null ? "50%" : `${y * 100}%` }} />
    </div>
  );
}

const share = (value: number): number => Math.min(1, Math.max(0, value));
const percent = (value: number): string => `${Math.round(value * 100)} %`;
