// The panel on the left: one of several.
import { X } from "lucide-react";
import { FindPanel, OutlinePanel, ProblemsPanel } from "@/panels/GraphPanels";
import { ModelsPanel, WorkflowsPanel } from "@/panels/FilePanels";
import { QueuePanel } from "@/panels/QueuePanel";
import { useEditor } from "@/store/editor";
import type { Panel } from "@/store/view";
import styles from "@/panels/panels.module.css";


const PANELS: Record<Panel, { title: string; body: () => React.ReactNode }> = {
  queue: { title: "Queue and history", body: () => <QueuePanel /> },
  workflows: { title: "Workflows", body: () => <WorkflowsPanel /> },
  models: { title: "Models", body: () => <ModelsPanel /> },
  outline: { title: "Outline", body: () => <OutlinePanel /> },
  problems: { title: "Problems", body: () => <ProblemsPanel /> },
  find: { title: "Find", body: () => <FindPanel /> },
};

export default function Panels({ panel }: { panel: Panel }) {
  const { view } = useEditor();
  const { title, body } = PANELS[panel];
  return (
    <aside className={styles.panel} aria-label={title} data-testid={`panel-${panel}`}>
      <header className={styles.panelHead}>
        <h2>{title}</h2>
        <button type="button" className={styles.icon} aria-label="Close the panel" onClick={() => view.set({ panel: null })}>
          <X size={14} />
        </button>
      </header>
      {body()}
    </aside>
  );
}
