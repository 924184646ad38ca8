// The menu of a right click.
import { useEffect, useLayoutEffect, useRef } from "react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

/** What nodes and frames can be coloured in. */
const COLOURS: [string, string | null][] = [
  ["none", null],
  ["grey", "#8b8f98"],
  ["red", "#d9706a"],
  ["amber", "#d9a04a"],
  ["green", "#62b57c"],
  ["blue", "#6b9ae8"],
  ["violet", "#a98be0"],
];

export function Menu() {
  const { view } = useEditor();
  const t = useMessages();
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
        else if (event.key === "ArrowDown" || event.key === "ArrowRight") step(1);
        else if (event.key === "ArrowUp" || event.key === "ArrowLeft") step(-1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {menu.items.map((item, index) =>
        item === "line" ? (
          <hr key={index} />
        ) : "colours" in item ? (
          <div key={index} className={styles.swatches} role="group" aria-label={t.menu.colours}>
            {COLOURS.map(([name, value]) => (
              <button key={name} type="button" role="menuitem" aria-label={value ? t.colours[name as keyof typeof t.colours] : t.menu.noColour} data-tip={value ? undefined : t.menu.noColour} onClick={() => (view.set({ menu: null }), item.colours(value))}>
                <span style={value ? { background: value } : undefined} data-none={value === null} />
              </button>
            ))}
          </div>
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
