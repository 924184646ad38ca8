// The tools of the mask editor: what is painted with, and what is done to the whole mask.
import type { ReactNode } from "react";
import { BoxSelect, Brush, Contrast, Eraser, Lasso, PaintBucket, Redo2, Trash2, Undo2 } from "lucide-react";
import { shownKeys } from "@/i18n/keyNames";
import { useMessages } from "@/i18n/messages";
import { Action } from "@/widgets/mask/Action";
import type { MaskHistory } from "@/widgets/mask/history";
import { LARGEST_BRUSH, SMALLEST_BRUSH, type Tool } from "@/widgets/mask/settings";
import { Slider } from "@/widgets/mask/Slider";
import { TOOL_KEYS } from "@/widgets/mask/studioKeys";
import type { Acts, Studio } from "@/widgets/mask/useStudio";
import styles from "@/widgets/mask/mask.module.css";

const TOOLS: { tool: Tool; icon: ReactNode }[] = [
  { tool: "brush", icon: <Brush size={16} /> },
  { tool: "eraser", icon: <Eraser size={16} /> },
  { tool: "rectangle", icon: <BoxSelect size={16} /> },
  { tool: "lasso", icon: <Lasso size={16} /> },
];

const pixels = (count: number): string => `${count} px`;

interface MaskToolsProps {
  studio: Studio;
  acts: Acts;
  history: MaskHistory;
  onClose: () => void;
}

export function MaskTools({ studio, acts, history, onClose }: MaskToolsProps) {
  const { mask: t, keys: names } = useMessages();
  const called = (keys: string) => shownKeys(keys, names);
  return (
    <div className={styles.bar} role="toolbar" aria-label={t.tools}>
      <Choice {...studio} called={called} />
      <BrushSliders {...studio} />
      <div className={styles.group}>
        <Action title={t.undoTip(called("mod+z"))} label={history.undoable ? t.undoOf(history.undoable) : t.undo} disabled={history.undoable === null} onClick={acts.undo} icon={<Undo2 size={16} />} />
        <Action title={t.redoTip(called("mod+shift+z"))} label={history.redoable ? t.redoOf(history.redoable) : t.redo} disabled={history.redoable === null} onClick={acts.redo} icon={<Redo2 size={16} />} />
      </div>
      <div className={styles.group}>
        <Action title={t.fillTip} label={t.fill} onClick={acts.fill} icon={<PaintBucket size={16} />} />
        <Action title={t.invertTip(called("mod+i"))} label={t.invert} onClick={acts.invert} icon={<Contrast size={16} />} />
        <Action title={t.clearTip(called("Delete"))} label={t.clear} onClick={acts.clear} icon={<Trash2 size={16} />} />
      </div>
      <Feather {...studio} feather={acts.feather} />
      <div className={styles.spring} />
      <button type="button" className={styles.button} onClick={onClose}>
        {t.cancel}
      </button>
      <button type="button" className={`${styles.button} ${styles.primary}`} disabled={acts.busy} title={t.keepTip(called("mod+s"))} onClick={() => void acts.save()}>
        {acts.busy ? t.keeping : t.keep}
      </button>
    </div>
  );
}

function Choice({ tool, setTool, called }: Pick<Studio, "tool" | "setTool"> & { called: (keys: string) => string }) {
  const { mask: t } = useMessages();
  return (
    <div className={styles.group} role="radiogroup" aria-label={t.tool}>
      {TOOLS.map((one) => (
        <button key={one.tool} type="button" role="radio" aria-checked={tool === one.tool} className={styles.tool} title={t.toolTip(t.toolNames[one.tool], called(TOOL_KEYS[one.tool]), called("alt"))} aria-label={t.toolNames[one.tool]} onClick={() => setTool(one.tool)}>
          {one.icon}
        </button>
      ))}
    </div>
  );
}

function BrushSliders({ brush, change }: Pick<Studio, "brush" | "change">) {
  const { mask: t } = useMessages();
  const percent = (share: number) => t.percent(Math.round(share * 100));
  return (
    <div className={styles.group}>
      <Slider label={t.size} title={t.sizeTip} value={brush.size} low={SMALLEST_BRUSH} high={LARGEST_BRUSH} curve={3} step={1} shown={pixels(brush.size)} onChange={(size) => change({ size: Math.round(size) })} />
      <Slider label={t.hardness} title={t.hardnessTip} value={brush.hardness} low={0} high={1} step={0.01} shown={percent(brush.hardness)} onChange={(hardness) => change({ hardness })} />
      <Slider label={t.opacity} title={t.opacityTip} value={brush.opacity} low={0.05} high={1} step={0.01} shown={percent(brush.opacity)} onChange={(opacity) => change({ opacity })} />
    </div>
  );
}

function Feather({ soft, setSoft, feather }: Pick<Studio, "soft" | "setSoft"> & Pick<Acts, "feather">) {
  const { mask: t } = useMessages();
  return (
    <div className={styles.group}>
      <button type="button" className={styles.button} title={t.featherTip(pixels(soft))} onClick={feather}>
        {t.feather}
      </button>
      <Slider label={t.by} name={t.featherBy} title={t.featherByTip} value={soft} low={1} high={128} curve={2} step={1} shown={pixels(soft)} onChange={(value) => setSoft(Math.round(value))} />
    </div>
  );
}
