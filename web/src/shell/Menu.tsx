// The menu that is open: of a right click, or of the bar. A group in it takes the place of what it is in, so that a finger needs no
// more room for it than for the rest.
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import type { MenuAction, MenuGroup, MenuItem, ViewState } from "@/store/view";
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

type Opened = NonNullable<ViewState["menu"]>;

export function Menu() {
  const { view } = useEditor();
  const menu = useStore(view.store, (state) => state.menu);
  return menu && <OpenMenu menu={menu} />;
}

function OpenMenu({ menu }: { menu: Opened }) {
  const { view } = useEditor();
  const element = useRef<HTMLDivElement>(null);
  /** The group that one is in, and the one that was left last. */
  const [{ inside, left }, setGroup] = useState<{ inside: MenuGroup | null; left: MenuGroup | null }>({ inside: null, left: null });
  const enter = (group: MenuGroup) => setGroup({ inside: group, left: null });
  const leave = () => setGroup({ inside: null, left: inside });
  const [opener] = useState(() => document.activeElement as HTMLElement | null);
  useAway(element, menu);
  useLayoutEffect(() => {
    const at = element.current!;
    const size = at.getBoundingClientRect();
    at.style.left = `${Math.min(menu.at.x, window.innerWidth - size.width - 8)}px`;
    at.style.top = `${Math.max(8, Math.min(menu.at.y, window.innerHeight - size.height - 8))}px`;
    const found = at.querySelector<HTMLElement>("[data-left=true]") ?? at.querySelector<HTMLElement>("button:not(:disabled):not([data-back])");
    found?.focus({ preventScroll: true });
  }, [menu, inside]);

  const close = () => view.set({ menu: null });
  const step = (by: number) => {
    const buttons = [...element.current!.querySelectorAll<HTMLElement>("button:not(:disabled)")];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { key } = event;
    const into = key === "ArrowRight" && document.activeElement?.getAttribute("aria-haspopup") === "menu";
    if (key === "Escape") {
      close();
      opener?.focus();
    } else if (into) (document.activeElement as HTMLElement).click();
    else if (key === "ArrowLeft" && inside) leave();
    else if (key === "ArrowDown" || key === "ArrowRight") step(1);
    else if (key === "ArrowUp" || key === "ArrowLeft") step(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const entry = (item: MenuItem, index: number) => {
    if (item === "line") return <hr key={index} />;
    if ("colours" in item) return <Swatches key={index} onChoose={(value) => (close(), item.colours(value))} />;
    if ("items" in item) return <GroupEntry key={index} group={item} wasLeft={item === left} onEnter={() => enter(item)} />;
    return <ActionEntry key={index} action={item} onChoose={() => (close(), item.run())} />;
  };
  return (
    <div ref={element} className={styles.menu} role="menu" aria-label={inside?.label} onKeyDown={onKeyDown}>
      {inside && (
        <>
          <button type="button" role="menuitem" data-back="" onClick={leave}>
            <span className={styles.menuBack}>
              <ChevronLeft size={13} aria-hidden /> {inside.label}
            </span>
          </button>
          <hr />
        </>
      )}
      {(inside?.items ?? menu.items).map(entry)}
    </div>
  );
}

/** Whoever presses beside the menu, or turns the wheel there, is done with it. A button that opens menus sees to itself. */
function useAway(element: RefObject<HTMLElement | null>, menu: Opened): void {
  const { view } = useEditor();
  useEffect(() => {
    const away = ({ target }: Event) => {
      if (element.current?.contains(target as Node) || (target as Element).closest("[aria-haspopup=menu][aria-expanded=true]")) return;
      view.set({ menu: null });
    };
    window.addEventListener("pointerdown", away, true);
    window.addEventListener("wheel", away, true);
    return () => {
      window.removeEventListener("pointerdown", away, true);
      window.removeEventListener("wheel", away, true);
    };
  }, [element, menu, view]);
}

function ActionEntry({ action: { label, keys, disabled, danger, chosen }, onChoose }: { action: MenuAction; onChoose: () => void }) {
  const role = chosen === undefined ? "menuitem" : "menuitemradio";
  return (
    <button type="button" role={role} aria-checked={chosen} disabled={disabled} data-danger={danger} onClick={onChoose}>
      <span className={styles.menuLabel}>{label}</span>
      {keys && <span className={styles.keys}>{keys}</span>}
    </button>
  );
}

function GroupEntry({ group, wasLeft, onEnter }: { group: MenuGroup; wasLeft: boolean; onEnter: () => void }) {
  return (
    <button type="button" role="menuitem" aria-haspopup="menu" data-left={wasLeft} onClick={onEnter}>
      {group.label}
      <ChevronRight size={13} className={styles.keys} aria-hidden />
    </button>
  );
}

function Swatches({ onChoose }: { onChoose: (value: string | null) => void }) {
  const t = useMessages();
  return (
    <div className={styles.swatches} role="group" aria-label={t.menu.colours}>
      {COLOURS.map(([name, value]) => (
        <button key={name} type="button" role="menuitem" aria-label={value ? t.colours[name as keyof typeof t.colours] : t.menu.noColour} data-tip={value ? undefined : t.menu.noColour} onClick={() => onChoose(value)}>
          <span style={value ? { background: value } : undefined} data-none={value === null} />
        </button>
      ))}
    </div>
  );
}
