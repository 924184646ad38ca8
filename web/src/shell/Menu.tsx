// The menu of a right click.
import { useEffect, useLayoutEffect, useRef } from "react";
import { useStore } from "zustand";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function Menu() {
  const { view } = useEditor();
  const menu = useStore(view.store, (state) => state.menu);
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const at = element.current;
    if (!at || !menu) return;
    const size = at.getBoundingClientRect();
    at.style.left = `${Math.min(menu.at.x, window.innerWidth - size.width - 8)}px`;
    at.style.top = `${Math.max(8, Math.min(menu.at.y, window.innerHeight - size.height - 8))}px`;
    at.querySelector<HTMLElement>("button:not(:disabled)")?.focus({ preventScroll: true });
  }, [menu]);
  useEffect(() => {
    if (!menu) return;
    const away = (event: Event) => {
      if (!element.current?.contains(event.target as Node)) view.set({ menu: null });
    };
    window.addEventListener("pointerdown", away, true);
    window.addEventListener("wheel", away, true);
    return () => {
      window.removeEventListener("pointerdown", away, true);
      window.removeEventListener("wheel", away, true);
    };
  }, [menu, view]);
  if (!menu) return null;
  const step = (by: number) => {
    const buttons = [...element.current!.querySelectorAll<HTMLElement>("button:not(:disabled)")];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  };
  return (
    <div
      ref={element}
      className={styles.menu}
      role="menu"
      onKeyDown={(event) => {
        if (event.key === "Escape") view.set({ menu: null });
        else if (event.key === "ArrowDown") step(1);
        else if (event.key === "ArrowUp") step(-1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {menu.items.map((item, index) =>
        item === "line" ? (
          <hr key={index} />
        ) : (
          <button
            key={index}
            type="button"
            role="menuitem"
            disabled={item.disabled}
            data-danger={item.danger}
            onClick={() => {
              view.set({ menu: null });
              item.run();
            }}
          >
            {item.label}
            {item.keys && <span className={styles.keys}>{item.keys}</span>}
          </button>
        ),
      )}
    </div>
  );
}
