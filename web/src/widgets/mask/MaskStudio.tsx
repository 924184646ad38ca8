// The mask editor once the picture is there: tools above, the picture with the mask over it below.
import { useCallback, useEffect, useLayoutEffect, useRef, type KeyboardEvent } from "react";
import { X } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import type { Rect } from "@/widgets/mask/mask";
import type { Material } from "@/widgets/mask/MaskEditor";
import { MaskFoot } from "@/widgets/mask/MaskFoot";
import { MaskTools } from "@/widgets/mask/MaskTools";
import { actOf } from "@/widgets/mask/studioKeys";
import { draw } from "@/widgets/mask/surface";
import { usePainting } from "@/widgets/mask/usePainting";
import { useActs, useStudio } from "@/widgets/mask/useStudio";
import { usePanZoom } from "@/widgets/picture/usePanZoom";
import styles from "@/widgets/mask/mask.module.css";

interface MaskStudioProps extends Material {
  name: string;
  onDone: (mask: Blob) => Promise<void>;
  onClose: () => void;
}

export function MaskStudio({ picture, mask, history, name, onDone, onClose }: MaskStudioProps) {
  const { mask: t } = useMessages();
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const pan = usePanZoom(stage, mask, 4);
  const studio = useStudio(mask);
  const { tool, brush, alone } = studio;
  const show = useCallback((rect: Rect | null) => canvas.current && draw(canvas.current, mask, rect, brush.tint, alone), [mask, brush.tint, alone]);
  useEffect(() => {
    show(null);
  }, [show]);
  const settled = (rect: Rect | null) => {
    show(rect);
    studio.changed();
  };
  const acts = useActs({ mask, history, onDone }, studio.soft, settled);
  useLayoutEffect(() => stage.current?.focus({ preventScroll: true }), []);
  const painting = usePainting({ mask, history, tool, names: t.toolNames, brush, pan, stage, show, settled });

  const onKeyDown = (event: KeyboardEvent) => {
    const run = actOf(event, studio, acts, pan);
    if (!run) return painting.onKeyDown(event);
    event.preventDefault();
    run();
  };
  const { view } = pan;
  return (
    <div className={styles.studio} onKeyDown={onKeyDown} onKeyUp={painting.onKeyUp}>
      <MaskTools studio={studio} acts={acts} history={history} onClose={onClose} />
      {acts.fault && (
        <p className={styles.fault} role="alert">
          {acts.fault}
          <button type="button" aria-label={t.dismiss} onClick={acts.dismiss}>
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
      <MaskFoot name={name} mask={mask} studio={studio} pan={pan} />
    </div>
  );
}
