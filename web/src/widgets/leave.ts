// Escape gives the keyboard back: from a field to what it is in (a node, a dialog), as the arrow keys then move there.

export function leave(from: HTMLElement): void {
  from.blur();
  const outer = from.parentElement?.closest<HTMLElement>("[tabindex]:not([tabindex='-1']), [role=dialog]");
  outer?.focus({ preventScroll: true });
}
