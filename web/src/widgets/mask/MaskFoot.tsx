// Below the picture: how much of it is masked, how the mask is shown, and from how near.
import { Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { shownKeys } from "@/i18n/keyNames";
import { useMessages } from "@/i18n/messages";
import { Action } from "@/widgets/mask/Action";
import type { Mask } from "@/widgets/mask/mask";
import { TINTS } from "@/widgets/mask/settings";
import type { Studio } from "@/widgets/mask/useStudio";
import type { PanZoom } from "@/widgets/picture/usePanZoom";
import styles from "@/widgets/mask/mask.module.css";

interface MaskFootProps {
  name: string;
  mask: Mask;
  studio: Studio;
  pan: PanZoom;
}

export function MaskFoot({ name, mask, studio: { brush, change, alone, setAlone, masked }, pan }: MaskFootProps) {
  const { mask: t, viewer, keys: names } = useMessages();
  const percent = (share: number) => t.percent(Math.round(share * 100));
  const { scale } = pan.view;
  return (
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
        <button type="button" className={styles.zoom} title={t.actualTip(shownKeys("mod+1", names))} aria-label={viewer.zoomOf(percent(scale))} onClick={pan.actual}>
          {percent(scale)}
        </button>
        <Action title={t.larger} label={viewer.zoomIn} onClick={() => pan.zoomBy(1.25)} icon={<ZoomIn size={16} />} />
        <Action title={t.fitTip} label={viewer.fit} onClick={pan.fit} icon={<Maximize size={16} />} />
      </div>
    </div>
  );
}
