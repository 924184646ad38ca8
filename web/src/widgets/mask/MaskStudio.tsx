// The mask editor once the picture is there: tools above, the picture with the mask over it below.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { BoxSelect, Brush, Contrast, Eraser, Lasso, Maximize, PaintBucket, Redo2, Trash2, Undo2, X, ZoomIn, ZoomOut } from "lucide-react";
import { shownKeys } from "@/i18n/keyNames";
import { useMessages } from "@/i18n/messages";
import { coverage, feather, invert, type Rect } from "@/widgets/mask/mask";
import type { Material } from "@/widgets/mask/MaskEditor";
import { keepBrush, keptBrush, LARGEST_BRUSH, resized, SMALLEST_BRUSH, TINTS, type BrushSettings, type Tool } from "@/widgets/mask/settings";
import { draw, fileOf } from "@/widgets/mask/surface";
import { usePainting } from "@/widgets/mask/usePainting";
import { usePanZoom } from "@/widgets/picture/usePanZoom";
import styles from "@/widgets/mask/mask.module.css";

const TOOLS: { tool: Tool; key: string; icon: ReactNode }[] = [
  { tool: "brush", key: "b", icon: <Brush size={16} /> },
  { tool: "eraser", key: "e", icon: <Eraser size={16} /> },
  { tool: "rectangle", key: "r", icon: <BoxSelect size={16} /> },
  { tool: "lasso", key: "l", icon: <Lasso size={16} /> },
];

interface MaskStudioProps extends Material {
  name: string;
  onDone: (mask: Blob) => Promise<void>;
  onClose: () => void;
}

export function MaskStudio({ picture, mask, history, name, onDone, onClose }: MaskStudioProps) {
  const { mask: t, viewer, keys: names } = useMessages();
  const percent = (share: number) => t.percent(Math.round(share * 100));
  const called = (keys: string) => shownKeys(keys, names);
  const [tool, setTool] = useState<Tool>("brush");
  const [brush, setBrush] = useState<BrushSettings>(keptBrush);
  const [alone, setAlone] = useState(false);
  const [soft, setSoft] = useState(12);
  const [state, setState] = useState<{ busy: boolean; fault: string | null }>({ busy: false, fault: null });
  const [changes, setChanges] = useState(0);
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const pan = usePanZoom(stage, mask, 4);

  const change = (more: Partial<BrushSettings>) =>
    setBrush((now) => {
      const next = { ...now, ...more };
      keepBrush(next);
      return next;
    });
  const show = useCallback((rect: Rect | null) => canvas.current && draw(canvas.current, mask, rect, brush.tint, alone), [mask, brush.tint, alone]);
  useEffect(() => {
    show(null);
  }, [show]);
  const settled = (rect: Rect | null) => {
    show(rect);
    setChanges((count) => count + 1);
  };
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the mask is painted on in place: `changes` says when
  const masked = useMemo(() => coverage(mask), [mask, changes]);
  useLayoutEffect(() => stage.current?.focus({ preventScroll: true }), []);
  const painting = usePainting({ mask, history, tool, names: t.toolNames, brush, pan, stage, show, settled });

  const act = {
    undo: () => settled(history.undo()),
    redo: () => settled(history.redo()),
    invert: () => settled(history.change(t.invert, invert)),
    fill: () => settled(history.change(t.fill, (one) => one.data.fill(255))),
    clear: () => settled(history.change(t.clear, (one) => one.data.fill(0))),
    feather: () => settled(history.change(t.feather, (one) => feather(one, soft))),
    save: async () => {
      if (state.busy) return;
      setState({ busy: true, fault: null });
      try {
        await onDone(await fileOf(mask));
      } catch (error) {
        setState({ busy: false, fault: t.notKept(error instanceof Error ? error.message : String(error)) });
      }
    },
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const keys: Record<string, () => void> = control
      ? { z: event.shiftKey ? act.redo : act.undo, y: act.redo, s: () => void act.save(), enter: () => void act.save(), i: act.invert, "0": pan.fit, "1": pan.actual }
      : {
          ...Object.fromEntries(TOOLS.map((one) => [one.key, () => setTool(one.tool)])),
          x: () => setTool(tool === "eraser" ? "brush" : "eraser"),
          "[": () => change({ size: resized(brush.size, -1) }),
          "]": () => change({ size: resized(brush.size, 1) }),
          "{": () => change({ hardness: Math.max(0, Math.round(brush.hardness * 10 - 1) / 10) }),
          "}": () => change({ hardness: Math.min(1, Math.round(brush.hardness * 10 + 1) / 10) }),
          ...Object.fromEntries([..."1234567890"].map((digit, index) => [digit, () => change({ opacity: (index + 1) / 10 })])),
          m: () => setAlone(!alone),
          ".": pan.fit,
          "+": () => pan.zoomBy(1.25),
          "=": () => pan.zoomBy(1.25),
          "-": () => pan.zoomBy(0.8),
          delete: act.clear,
        };
    const run = event.target instanceof HTMLInputElement && !control ? undefined : keys[key];
    if (!run) return painting.onKeyDown(event);
    event.preventDefault();
    run();
  };

  const { view } = pan;
  return (
    <div className={styles.studio} onKeyDown={onKeyDown} onKeyUp={painting.onKeyUp}>
      <div className={styles.bar} role="toolbar" aria-label={t.tools}>
        <div className={styles.group} role="radiogroup" aria-label={t.tool}>
          {TOOLS.map((one) => (
            <button key={one.tool} type="button" role="radio" aria-checked={tool === one.tool} className={styles.tool} title={t.toolTip(t.toolNames[one.tool], called(one.key), called("alt"))} aria-label={t.toolNames[one.tool]} onClick={() => setTool(one.tool)}>
              {one.icon}
            </button>
          ))}
        </div>
        <div className={styles.group}>
          <Slider label={t.size} title={t.sizeTip} value={brush.size} low={SMALLEST_BRUSH} high={LARGEST_BRUSH} curve={3} step={1} shown={pixels(brush.size)} onChange={(size) => change({ size: Math.round(size) })} />
          <Slider label={t.hardness} title={t.hardnessTip} value={brush.hardness} low={0} high={1} step={0.01} shown={percent(brush.hardness)} onChange={(hardness) => change({ hardness })} />
          <Slider label={t.opacity} title={t.opacityTip} value={brush.opacity} low={0.05} high={1} step={0.01} shown={percent(brush.opacity)} onChange={(opacity) => change({ opacity })} />
        </div>
        <div className={styles.group}>
          <Action title={t.undoTip(called("mod+z"))} label={history.undoable ? t.undoOf(history.undoable) : t.undo} disabled={history.undoable === null} onClick={act.undo} icon={<Undo2 size={16} />} />
          <Action title={t.redoTip(called("mod+shift+z"))} label={history.redoable ? t.redoOf(history.redoable) : t.redo} disabled={history.redoable === null} onClick={act.redo} icon={<Redo2 size={16} />} />
        </div>
        <div className={styles.group}>
          <Action title={t.fillTip} label={t.fill} onClick={act.fill} icon={<PaintBucket size={16} />} />
          <Action title={t.invertTip(called("mod+i"))} label={t.invert} onClick={act.invert} icon={<Contrast size={16} />} />
          <Action title={t.clearTip(called("Delete"))} label={t.clear} onClick={act.clear} icon={<Trash2 size={16} />} />
        </div>
        <div className={styles.group}>
          <button type="button" className={styles.button} title={t.featherTip(pixels(soft))} onClick={act.feather}>
            {t.feather}
          </button>
          <Slider label={t.by} name={t.featherBy} title={t.featherByTip} value={soft} low={1} high={128} curve={2} step={1} shown={pixels(soft)} onChange={(value) => setSoft(Math.round(value))} />
        </div>
        <div className={styles.spring} />
        <button type="button" className={styles.button} onClick={onClose}>
          {t.cancel}
        </button>
        <button type="button" className={`${styles.button} ${styles.primary}`} disabled={state.busy} title={t.keepTip(called("mod+s"))} onClick={() => void act.save()}>
          {state.busy ? t.keeping : t.keep}
        </button>
      </div>
      {state.fault && (
        <p className={styles.fault} role="alert">
          {state.fault}
          <button type="button" aria-label={t.dismiss} onClick={() => setState({ busy: false, fault: null })}>
            <X size={14} aria-hidden />
          </button>
        </p>
      )}
      <div ref={stage} className={styles.stage} data-panning={painting.panning ? "" : undefined} tabIndex={0} role="application" aria-label={t.stage(name)} {...painting.stage}>
        <div className={styles.picture} style={{ width: mask.width, height: mask.height, transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`, imageRendering: view.scale >= 4 ? "pixelated" : "auto" }}>
          <img src={picture.src} alt={name} draggable={false} />
          <canvas ref={canvas} width={mask.width} height={mask.height} />
        </div>
        <svg className={styles.cursor} aria-hidden>
          {painting.outline && <polygon points={painting.outline.map((one) => `${one.x * view.scale + view.x},${one.y * view.scale + view.y}`).join(" ")} />}
          {painting.cursor && !painting.panning && (tool === "brush" || tool === "eraser") && <circle cx={painting.cursor.x} cy={painting.cursor.y} r={Math.max(1, (brush.size * view.scale) / 2)} />}
        </svg>
      </div>
      <div className={styles.foot}>
        <span className={styles.facts}>
          {name} · {mask.width} × {mask.height} · {t.masked(percent(masked))}
        </span>
        <div className={styles.spring} />
        <label className={styles.check}>
          <input type="checkbox" checked={brush.pressure} onChange={(event) => change({ pressure: event.target.checked })} /> {t.pressure}
        </label>
        <label className={styles.check} title={t.aloneTip}>
          <input type="checkbox" checked={alone} onChange={(event) => setAlone(event.target.checked)} /> {t.alone}
        </label>
        <div className={styles.group} role="radiogroup" aria-label={t.tint}>
          {TINTS.map((tint) => (
            <button key={tint} type="button" role="radio" aria-checked={brush.tint === tint} aria-label={t.tints[tint]} className={styles.tint} onClick={() => change({ tint })}>
              <span style={{ background: tint }} />
            </button>
          ))}
        </div>
        <div className={styles.group}>
          <Action title={t.smaller} label={viewer.zoomOut} onClick={() => pan.zoomBy(0.8)} icon={<ZoomOut size={16} />} />
          <button type="button" className={styles.zoom} title={t.actualTip(called("mod+1"))} aria-label={viewer.zoomOf(percent(view.scale))} onClick={pan.actual}>
            {percent(view.scale)}
          </button>
          <Action title={t.larger} label={viewer.zoomIn} onClick={() => pan.zoomBy(1.25)} icon={<ZoomIn size={16} />} />
          <Action title={t.fitTip} label={viewer.fit} onClick={pan.fit} icon={<Maximize size={16} />} />
        </div>
      </div>
    </div>
  );
}

const pixels = (count: number): string => `${count} px`;

function Action({ title, label, icon, disabled, onClick }: { title: string; label: string; icon: ReactNode; disabled?: boolean; onClick: () => void }) {
  return (
    <button type="button" className={styles.tool} title={title} aria-label={label} disabled={disabled} onClick={onClick}>
      {icon}
    </button>
  );
}

interface SliderProps {
  label: string;
  title: string;
  value: number;
  low: number;
  high: number;
  /** More than 1 gives small values more room. */
  curve?: number;
  /** What is read out where the label says enough only beside what it is about. */
  name?: string;
  /** What an arrow key adds: the browser's own steps, even along the slider, may be less than is shown. */
  step: number;
  shown: string;
  onChange: (value: number) => void;
}

const TICKS = 200;
const KEY_STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

function Slider({ label, title, value, low, high, curve = 1, name, step, shown, onChange }: SliderProps) {
  const place = ((value - low) / (high - low)) ** (1 / curve) * TICKS;
  const onKeyDown = (event: KeyboardEvent) => {
    const steps = KEY_STEPS[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    const next = Number(((Math.round(value / step) + steps) * step).toFixed(2));
    onChange(Math.min(high, Math.max(low, next)));
  };
  return (
    <label className={styles.slider} title={title}>
      <span>{label}</span>
      <input type="range" aria-label={name} min={0} max={TICKS} value={place} aria-valuetext={shown} onKeyDown={onKeyDown} onChange={(event) => onChange(low + (Number(event.target.value) / TICKS) ** curve * (high - low))} />
      <output>{shown}</output>
    </label>
  );
}
