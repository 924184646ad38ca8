// A button that opens the graph of a job in a tab of its own, whether the job is over, runs or waits.
import { Workflow } from "lucide-react";
import { getJobWorkflow } from "@/api/client";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import { openDocument } from "@/store/files";
import styles from "@/panels/panels.module.css";

export function OpenWorkflow({ job }: { job: string }) {
  const editor = useEditor();
  const { openWorkflow } = useMessages().queue;
  const open = async () => openDocument(editor, await getJobWorkflow(job));
  return (
    <button type="button" className={styles.icon} aria-label={openWorkflow} data-tip={openWorkflow} onClick={() => void open().catch((error: unknown) => editor.fail(error))}>
      <Workflow size={13} />
    </button>
  );
}
