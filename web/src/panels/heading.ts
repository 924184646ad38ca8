// The heading of the panel on the left: where the keyboard goes on when what it was at is gone.
export const HEADING = { tabIndex: -1, "data-panel-heading": true } as const;

export function focusHeading(): void {
  document.querySelector<HTMLElement>("[data-panel-heading]")?.focus();
}
