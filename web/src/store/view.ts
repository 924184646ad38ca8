// What of the editor is open beside the canvas: panels, menus, dialogs, messages. Of this only the open panels are kept.
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Source } from "@/model/document";
import type { Target } from "@/model/connect";
import type { ShownPicture } from "@/widgets/picture/PictureViewer";

/** As long, in milliseconds, a message is shown that something can be done about, or that tells of a fault. */
export const SHOWN_LONG = 9000;
const SHOWN = 3500;

export const PANELS = ["queue", "workflows", "models", "outline", "problems", "find"] as const;
export type Panel = (typeof PANELS)[number];
export const SIDES = ["node", "form"] as const;
export type Side = (typeof SIDES)[number];

/** Where the node palette is open, and for what. */
export interface PaletteRequest {
  /** On the screen. */
  at: { x: number; y: number };
  /** On the canvas: where the node will be. */
  place: readonly [number, number];
  /** The end of the link that the new node is to take or feed. */
  from?: Source;
  to?: Target;
}

export interface Toast {
  id: number;
  kind: "info" | "good" | "bad";
  text: string;
  action?: { label: string; run: () => void };
  /** What is told step by step: of what, the course that is counted, and how far it is. */
  step?: { about: string; course: unknown; count: number };
}

export interface ViewState {
  panel: Panel | null;
  side: Side | null;
  palette: PaletteRequest | null;
  commands: boolean;
  dialog: "templates" | "settings" | "shortcuts" | "save" | "publish" | "subgraph-names" | "connect" | "missing" | null;
  helpFor: string | null;
  mask: { name: string; done: (name: string | null) => void } | null;
  /** A picture to be looked at in full, and what it is one of. */
  picture: (ShownPicture & { among?: readonly ShownPicture[] }) | null;
  menu: { at: { x: number; y: number }; items: readonly MenuItem[] } | null;
  /** The node or frame whose name is being written. */
  renaming: string | null;
  /** The note that is being written. */
  writing: string | null;
  toasts: readonly Toast[];
  batch: number;
  autoRun: boolean;
}

export interface MenuAction {
  label: string;
  run: () => void;
  keys?: string | undefined;
  disabled?: boolean;
  danger?: boolean;
  /** Whether it is the one of several that is so now; absent where it is none of several. */
  chosen?: boolean;
}

export interface MenuGroup {
  label: string;
  items: readonly MenuItem[];
}

/** An action, a group of more, a row of colours to choose from (null for none), or a line. */
export type MenuItem = MenuAction | MenuGroup | { colours: (value: string | null) => void } | "line";

export class View {
  readonly store: StoreApi<ViewState> = createStore(() => ({
    panel: null,
    side: null,
    palette: null,
    commands: false,
    dialog: null,
    helpFor: null,
    mask: null,
    picture: null,
    menu: null,
    renaming: null,
    writing: null,
    toasts: [],
    batch: 1,
    autoRun: false,
  }));
  private count = 0;

  set(change: Partial<ViewState>): void {
    this.store.setState(change);
  }

  togglePanel(panel: Panel): void {
    this.store.setState((state) => ({ panel: state.panel === panel ? null : panel }));
  }

  toggleSide(side: Side): void {
    this.store.setState((state) => ({ side: state.side === side ? null : side }));
  }

  /** Returns what takes the message away before its time. */
  say(text: string, kind: Toast["kind"] = "info", action?: Toast["action"]): () => void {
    const id = ++this.count;
    this.show({ id, kind, text, ...(action ? { action } : {}) });
    return () => this.dismiss(id);
  }

  /** Say a step in place of the one before it, so that many are one message; steps of the same course are counted. */
  sayStep(about: string, course: unknown, words: (count: number) => string): void {
    const before = this.store.getState().toasts.find(({ step }) => step?.about === about);
    const count = before?.step && before.step.course === course ? before.step.count + 1 : 1;
    if (before) this.dismiss(before.id);
    this.show({ id: ++this.count, kind: "info", text: words(count), step: { about, course, count } });
  }

  dismiss(id: number): void {
    this.store.setState(({ toasts }) => ({ toasts: toasts.filter((one) => one.id !== id) }));
  }

  private show(toast: Toast): void {
    this.store.setState(({ toasts }) => ({ toasts: [...toasts.slice(-3), toast] }));
    window.setTimeout(() => this.dismiss(toast.id), toast.kind === "bad" || toast.action ? SHOWN_LONG : SHOWN);
  }
}
