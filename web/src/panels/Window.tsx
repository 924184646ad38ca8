// A window over everything else: what is in it, under a title. Escape, or a press beside it, closes it.
import type { ReactNode } from "react";
import { Dialog } from "radix-ui";
import { X } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import styles from "@/panels/panels.module.css";

export function Window({ title, wide, onClose, children }: { title: string; wide?: boolean; onClose: () => void; children: ReactNode }) {
  const { closeWindow: closes } = useMessages().shell;
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.overlay} />
        <Dialog.Content className={`${styles.window} ${wide ? styles.wide : ""}`} aria-describedby={undefined} data-testid="dialog">
          <header className={styles.windowHead}>
            <Dialog.Title className={styles.windowTitle}>{title}</Dialog.Title>
            <Dialog.Close className={styles.icon} aria-label={closes}>
              <X size={15} />
            </Dialog.Close>
          </header>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
