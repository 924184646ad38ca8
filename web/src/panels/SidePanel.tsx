// What is on the right: what a node is and does, or the document's parameters as a form.
import { X } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { onDemand } from "@/panels/onDemand";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

const FormView = onDemand(() => import("@/panels/FormView"));
const NodeHelp = onDemand(() => import("@/panels/NodeHelp"));

export function SidePanel() {
  const { view } = useEditor();
  const { commands, shell } = useMessages();
  const side = useStore(view.store, (state) => state.side);
  const some = useActive((one) => one !== null);
  if (side === null || !some) return null;
  return (
    <aside className={styles.side} aria-label={side === "form" ? commands.form : commands["help-node"]} data-testid={`side-${side}`}>
      <header className={styles.panelHead}>
        <h2>{side === "form" ? commands.form : commands["help-node"]}</h2>
        <button type="button" className={styles.icon} aria-label={shell.closePanel} onClick={() => view.set({ side: null })}>
          <X size={14} />
        </button>
      </header>
      {side === "form" ? <FormView /> : <NodeHelp />}
    </aside>
  );
}
