// Paints a mask over a picture. Mounted alone, over everything; ends with `onDone` (a picture whose transparency is the mask)
// or `onClose`.
import { useEffect, useState } from "react";
import { Dialog } from "radix-ui";
import { useMessages } from "@/i18n/messages";
import { MaskHistory } from "@/widgets/mask/history";
import type { Mask } from "@/widgets/mask/mask";
import { MaskStudio } from "@/widgets/mask/MaskStudio";
import { loadPicture, maskOf } from "@/widgets/mask/surface";
import { useOpener } from "@/widgets/opener";
import styles from "@/widgets/mask/mask.module.css";

export interface MaskEditorProps {
  /** Where the picture can be fetched. */
  picture: string;
  /** Where its transparency can be fetched, if `picture` comes without. */
  transparency?: string;
  name: string;
  onDone: (mask: Blob) => Promise<void>;
  onClose: () => void;
}

export interface Material {
  picture: HTMLImageElement;
  mask: Mask;
  history: MaskHistory;
}

export function MaskEditor({ picture, transparency, name, onDone, onClose }: MaskEditorProps) {
  const { mask: t } = useMessages();
  const [material, setMaterial] = useState<Material | { fault: string } | null>(null);
  const [closing, setClosing] = useState(false);
  const focusOpener = useOpener();

  useEffect(() => {
    let wanted = true;
    void Promise.all([loadPicture(picture), transparency === undefined ? null : loadPicture(transparency)]).then(
      ([shown, alpha]) => {
        if (!wanted) return;
        const mask = maskOf(alpha ?? shown);
        setMaterial({ picture: shown, mask, history: new MaskHistory(mask) });
      },
      () => wanted && setMaterial({ fault: t.unreadable(name) }),
    );
    return () => {
      wanted = false;
    };
  }, [picture, transparency, name, t]);

  const close = () => {
    const changed = material !== null && "history" in material && material.history.undoable !== null;
    if (changed) setClosing(true);
    else onClose();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Content
          className={styles.editor}
          aria-describedby={undefined}
          onInteractOutside={(event) => event.preventDefault()}
          onCloseAutoFocus={focusOpener}
          onEscapeKeyDown={(event) => {
            if (!closing) return;
            event.preventDefault();
            setClosing(false);
          }}
          onKeyDown={(event) => event.stopPropagation()}
        >
          <Dialog.Title className="sr-only">{t.of(name)}</Dialog.Title>
          {material === null && <p className={styles.waiting}>{t.opening(name)}</p>}
          {material && "fault" in material && (
            <div className={styles.waiting} role="alert">
              <p>{material.fault}</p>
              <button type="button" className={styles.button} onClick={onClose}>
                {t.close}
              </button>
            </div>
          )}
          {material && "mask" in material && <MaskStudio {...material} name={name} onDone={onDone} onClose={close} />}
          {closing && (
            <div className={styles.question} role="alertdialog" aria-label={t.leaveAsk}>
              <p>{t.leaveAsk}</p>
              <button type="button" className={styles.button} autoFocus onClick={() => setClosing(false)}>
                {t.goOn}
              </button>
              <button type="button" className={`${styles.button} ${styles.danger}`} onClick={onClose}>
                {t.leave}
              </button>
            </div>
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
