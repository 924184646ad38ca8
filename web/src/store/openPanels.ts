// Which panels a window has open: after a reload the same are, so that the graph is seen where it was.
import { fieldsOf } from "@/model/json";
import { remember, remembered } from "@/model/remembered";
import { PANELS, SIDES, type View, type ViewState } from "@/store/view";

const KEY = "latentgraph.panels";

type Open = Pick<ViewState, "panel" | "side">;

/** Open what was open before the page was loaded anew, and keep what is. Returns a function that stops. */
export function keepPanels(view: View): () => void {
  view.set(kept());
  return view.store.subscribe(({ panel, side }, before) => {
    if (panel === before.panel && side === before.side) return;
    remember(KEY, { panel, side } satisfies Open, sessionStorage);
  });
}

function kept(): Partial<Open> {
  const { panel, side } = fieldsOf(remembered(KEY, sessionStorage));
  return { panel: PANELS.find((one) => one === panel) ?? null, side: SIDES.find((one) => one === side) ?? null };
}
