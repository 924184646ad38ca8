// The panel on the left: one of several.
import { X } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { ModelsPanel, WorkflowsPanel } from "@/panels/FilePanels";
import { FindPanel } from "@/panels/FindPanel";
import { HEADING } from "@/panels/heading";
import { OutlinePanel } from "@/panels/OutlinePanel";
import { ProblemsPanel } from "@/panels/ProblemsPanel";
import { QueuePanel } from "@/panels/QueuePanel";
import { useEditor } from "@/store/editor";
import type { Panel } from "@/store/view";
import styles from "@/panels/panels.module.css";

const PANELS: Record<Panel, () => React.ReactNode> = {
  queue: () => <QueuePanel />,
  workflows: () => <WorkflowsPanel />,
  models: () => <ModelsPanel />,
  outline: () => <OutlinePanel />,
  problems: () => <ProblemsPanel />,
  find: () => <FindPanel />,
};

export default function Panels({ panel }: { panel: Panel }) {
  const { view } = useEditor();
  const { commands, shell } = useMessages();
  const title = commands[panel];
  const body = PANELS[panel];
  return (
    <aside className={styles.panel} aria-label={title} data-testid={`panel-${panel}`}>
      <header className={styles.panelHead}>
        <h2 {...HEADING}>{title}</h2>
        <button type="button" className={styles.icon} aria-label={shell.closePanel} onClick={() => view.set({ panel: null })}>
          <X size={14} />
        </button>
      </header>
      {body()}
    </aside>
  );
}
