// A small window beside a field, over everything, as large on the screen at any zoom of the canvas. What happens in it stays in it:
// the canvas must not move nodes because somebody walks through a list.
import type { ReactNode, RefObject, SyntheticEvent } from "react";
import { Popover } from "radix-ui";
import styles from "@/widgets/popup.module.css";

interface PopupProps {
  anchor: RefObject<HTMLElement | null>;
  label: string;
  /** At least so wide; and at least as wide as the anchor. */
  width?: number;
  onClose: () => void;
  children: ReactNode;
}

const keep = (event: SyntheticEvent) => event.stopPropagation();

export function Popup({ anchor, label, width = 280, onClose, children }: PopupProps) {
  return (
    <Popover.Root open onOpenChange={(open) => !open && onClose()}>
      <Popover.Anchor virtualRef={anchor as RefObject<HTMLElement>} />
      <Popover.Portal>
        <Popover.Content
          className={`${styles.popup} nowheel nodrag nopan`}
          style={{ minWidth: width }}
          aria-label={label}
          sideOffset={4}
          collisionPadding={8}
          align="start"
          onCloseAutoFocus={(event) => event.preventDefault()}
          onKeyDown={keep}
          onPointerDown={keep}
          onDoubleClick={keep}
          onContextMenu={keep}
          onPaste={keep}
        >
          {children}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
