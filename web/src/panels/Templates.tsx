// Workflows to start from, each with a picture of what it makes.
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { getWorkflow, listWorkflows, templatePicture, validate } from "@/api/client";
import type { Document } from "@/model/document";
import { FOLDER } from "@/model/published";
import { GraphSketch } from "@/panels/GraphSketch";
import { useEditor } from "@/store/editor";
import { openTemplate } from "@/store/files";
import styles from "@/panels/panels.module.css";

interface Template {
  name: string;
  title: string;
  description: string;
  document: Document;
  /** What keeps it from running here. */
  missing: string | null;
}

export function Templates({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const [templates, setTemplates] = useState<readonly Template[]>([]);
  const ready = useStore(editor.library.store, (state) => state.state === "ready");
  useEffect(() => {
    let over = false;
    const add = async (name: string) => {
      const { document } = await getWorkflow(name);
      const { problems } = await validate(document);
      const fault = problems.find((one) => one.severity !== "warning");
      const found = { name, title: document.name || name, description: document.description ?? "", document, missing: fault ? fault.message : null };
      if (!over) setTemplates((before) => [...before.filter((one) => one.name !== name), found].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name)));
    };
    void listWorkflows().then((names) => Promise.allSettled(names.filter((name) => !name.startsWith(FOLDER)).slice(0, 60).map(add)), (error: unknown) => editor.fail(error));
    return () => {
      over = true;
    };
  }, [editor, ready]);
  return (
    <div className={styles.templates}>
      {templates.map((one) => (
        <button
          key={one.name}
          type="button"
          className={styles.template}
          data-testid={`template-${one.name}`}
          onClick={() => {
            onDone();
            void openTemplate(editor, one.name).catch((error: unknown) => editor.fail(error));
          }}
        >
          <span className={styles.templatePicture}>
            <TemplatePicture name={one.name} document={one.document} />
          </span>
          <strong>{one.title}</strong>
          <span className={styles.faint}>{one.description}</span>
          {one.missing && <span className={styles.jobError}>{one.missing}</span>}
        </button>
      ))}
    </div>
  );
}

/** What it makes; where there is no picture of that, what it is made of. */
function TemplatePicture({ name, document }: { name: string; document: Document }) {
  const [lacking, setLacking] = useState(false);
  if (lacking) return <GraphSketch document={document} />;
  return <img src={templatePicture(name)} alt="" onError={() => setLacking(true)} />;
}

const rank = (one: Template): number => (one.name === "text_to_image" ? 0 : 1);
