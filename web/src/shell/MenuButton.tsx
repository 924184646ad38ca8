// A button of the bar that opens a menu below itself, and closes it when it is pressed again.
import { useState, type ReactNode } from "react";
import { useStore } from "zustand";
import { useEditor } from "@/store/editor";
import type { MenuItem, ViewState } from "@/store/view";

const GAP = 4;

interface MenuButtonProps {
  label: string;
  className: string | undefined;
  testId: string;
  items: () => readonly MenuItem[];
  children: ReactNode;
}

export function MenuButton({ label, className, testId, items, children }: MenuButtonProps) {
  const { view } = useEditor();
  const open = useStore(view.store, (state) => state.menu);
  const [own, setOwn] = useState<ViewState["menu"]>(null);
  const isOpen = open !== null && open === own;
  const toggle = (button: HTMLElement) => {
    const box = button.getBoundingClientRect();
    const next = isOpen ? null : { at: { x: box.left + GAP, y: box.bottom + GAP }, items: items() };
    setOwn(next);
    view.set({ menu: next });
  };
  return (
    <button type="button" className={className} aria-label={label} aria-haspopup="menu" aria-expanded={isOpen} data-testid={testId} data-tip={isOpen ? undefined : label} onClick={(event) => toggle(event.currentTarget)}>
      {children}
    </button>
  );
}
