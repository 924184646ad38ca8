// How the editor looks and behaves for this person, kept in this browser.
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Locale } from "@/i18n/messages";
import type { Density } from "@/model/geometry";
import { remember, remembered } from "@/model/remembered";
import { fieldsOf } from "@/model/json";

export interface Settings {
  locale: Locale | "system";
  theme: "dark" | "light" | "system";
  density: Density;
  links: "spline" | "straight" | "step" | "hidden";
  wheel: "zoom" | "pan";
  /** Whether the wheel has been asked about. */
  wheelKnown: boolean;
  snap: boolean;
  /** Lines that help to put things beside each other. */
  guides: boolean;
  minimap: boolean;
  grid: boolean;
  /** Taking a node away links what it passed on to who took it. */
  heal: boolean;
  /** Previews under the node that is sampling. */
  previews: boolean;
  /** The keys chosen for commands, by their names; the others have their own. */
  keys: Readonly<Record<string, readonly string[]>>;
}

export const DEFAULTS: Settings = {
  locale: "system",
  theme: "dark",
  density: "compact",
  links: "spline",
  wheel: "zoom",
  wheelKnown: false,
  snap: true,
  guides: true,
  minimap: true,
  grid: true,
  heal: true,
  previews: true,
  keys: {},
};

const KEY = "latentgraph.settings";

export function createSettings(): StoreApi<Settings> {
  const store = createStore<Settings>(() => ({ ...DEFAULTS, ...kept() }));
  store.subscribe((state, before) => {
    const chosen = Object.entries(state).filter(([key, value]) => before[key as keyof Settings] !== value);
    // Another window may have chosen something else since: of that nothing is written over.
    remember(KEY, { ...kept(), ...Object.fromEntries(chosen) });
  });
  return store;
}

/** Follow what other windows choose. Returns a function that stops. */
export function shareSettings(store: StoreApi<Settings>): () => void {
  const follow = (event: StorageEvent) => event.key === KEY && store.setState({ ...DEFAULTS, ...kept() });
  window.addEventListener("storage", follow);
  return () => window.removeEventListener("storage", follow);
}

function kept(): Partial<Settings> {
  return fieldsOf(remembered(KEY)) as Partial<Settings>;
}

/** Put theme and density on the page. Returns a function that stops following them. */
export function applySettings(store: StoreApi<Settings>): () => void {
  const system = window.matchMedia("(prefers-color-scheme: light)");
  const put = () => {
    const { theme, density } = store.getState();
    document.documentElement.dataset["theme"] = theme === "system" ? (system.matches ? "light" : "dark") : theme;
    document.documentElement.dataset["density"] = density;
  };
  put();
  system.addEventListener("change", put);
  const stop = store.subscribe(put);
  return () => {
    stop();
    system.removeEventListener("change", put);
  };
}
