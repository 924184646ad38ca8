// Which panels a window has open: after a reload the same are, so that the graph is seen where it was.
import { PANELS, SIDES, type View, type ViewState } from "@/store/view";

const KEY = "latentgraph.panels";

type Open = Pick<ViewState, "panel" | "side">;

/** Open what was open before the page was loaded anew, and keep what is. Returns a function that stops. */
export function keepPanels(view: View): () => void {
  view.set(kept());
  return view.store.subscribe(({ panel, side }, before) => {
    if (panel === before.panel && side === before.side) return;
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ panel, side } satisfies Open));
    } catch {
      // A full or forbidden storage costs the open panels, nothing else.
    }
  });
}

function kept(): Partial<Open> {
  try {
    const { panel, side } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Record<string, unknown>;
    return { panel: PANELS.find((one) => one === panel) ?? null, side: SIDES.find((one) => one === side) ?? null };
  } catch {
    return {};
  }
}
