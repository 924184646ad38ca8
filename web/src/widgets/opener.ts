// What had the focus when something opened over everything, and has it again when that is closed.
import { useState } from "react";

/** For `onCloseAutoFocus` of a dialog that no trigger opens: without one, the focus would be lost. */
export function useOpener(): (event: Event) => void {
  const [opener] = useState(() => document.activeElement);
  return (event) => {
    if (!(opener instanceof HTMLElement) || !opener.isConnected) return;
    event.preventDefault();
    if (document.activeElement === document.body) opener.focus({ preventScroll: true });
  };
}
