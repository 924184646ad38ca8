// What is set in the mask editor, and what can be done to the mask in one step.
import { useMemo, useState } from "react";
import { useMessages } from "@/i18n/messages";
import type { MaskHistory } from "@/widgets/mask/history";
import { coverage, feather, invert, type Mask, type Rect } from "@/widgets/mask/mask";
import { keepBrush, keptBrush, type BrushSettings, type Tool } from "@/widgets/mask/settings";
import { fileOf } from "@/widgets/mask/surface";

export type Studio = ReturnType<typeof useStudio>;
export type Acts = ReturnType<typeof useActs>;

export function useStudio(mask: Mask) {
  const [tool, setTool] = useState<Tool>("brush");
  const [brush, setBrush] = useState<BrushSettings>(keptBrush);
  /** The mask without the picture. */
  const [alone, setAlone] = useState(false);
  const [soft, setSoft] = useState(12);
  const [changes, setChanges] = useState(0);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the mask is painted on in place: `changes` says when
  const masked = useMemo(() => coverage(mask), [mask, changes]);
  const change = (more: Partial<BrushSettings>) =>
    setBrush((now) => {
      const next = { ...now, ...more };
      keepBrush(next);
      return next;
    });
  return { tool, setTool, brush, change, alone, setAlone, soft, setSoft, masked, changed: () => setChanges((count) => count + 1) };
}

interface ActsOptions {
  mask: Mask;
  history: MaskHistory;
  onDone: (mask: Blob) => Promise<void>;
}

/** Each is a step of undo; `settled` is told where the mask is another. */
export function useActs({ mask, history, onDone }: ActsOptions, soft: number, settled: (rect: Rect | null) => void) {
  const { mask: t } = useMessages();
  const [{ busy, fault }, setState] = useState<{ busy: boolean; fault: string | null }>({ busy: false, fault: null });
  return {
    busy,
    fault,
    dismiss: () => setState({ busy: false, fault: null }),
    undo: () => settled(history.undo()),
    redo: () => settled(history.redo()),
    invert: () => settled(history.change(t.invert, invert)),
    fill: () => settled(history.change(t.fill, (one) => one.data.fill(255))),
    clear: () => settled(history.change(t.clear, (one) => one.data.fill(0))),
    feather: () => settled(history.change(t.feather, (one) => feather(one, soft))),
    save: async () => {
      if (busy) return;
      setState({ busy: true, fault: null });
      try {
        await onDone(await fileOf(mask));
      } catch (error) {
        setState({ busy: false, fault: t.notKept(error instanceof Error ? error.message : String(error)) });
      }
    },
  };
}
