// Workflows to start from, each with a picture of what it makes.
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { getWorkflow, listWorkflowsOf, templatePicture, validate } from "@/api/client";
import { useMessages } from "@/i18n/messages";
import type { Document } from "@/model/document";
import { FOLDER } from "@/model/published";
import { GraphSketch } from "@/panels/GraphSketch";
import { useEditor } from "@/store/editor";
import { openTemplate, openWorkflow } from "@/store/files";
import { MarkdownLine } from "@/widgets/Markdown";
import styles from "@/panels/panels.module.css";

/** More of a kind are not shown. */
const MOST = 60;

interface Template {
  name: string;
  title: string;
  description: string;
  document: Document;
  /** Where the picture of what it makes is; null for one's own, of which there is none. */
  picture: string | null;
  /** What keeps it from running here. */
  missing: string | null;
}

/** Templates are opened as copies; the user's own workflows are what they are. */
export function Templates({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const { files: t } = useMessages();
  const shipped = useTemplates("shipped");
  const own = useTemplates("user");
  const opening = (open: typeof openTemplate) => (name: string) => {
    onDone();
    void open(editor, name).catch((error: unknown) => editor.fail(error));
  };
  return (
    <div className={styles.templates}>
      {shipped.map((one) => (
        <TemplateCard key={one.name} of={one} onOpen={opening(openTemplate)} />
      ))}
      {own.length > 0 && <h3 className={styles.section}>{t.yours}</h3>}
      {own.map((one) => (
        <TemplateCard key={one.name} of={one} onOpen={opening(openWorkflow)} />
      ))}
    </div>
  );
}

/** They come one by one, as they are read and judged. */
function useTemplates(whose: "shipped" | "user"): readonly Template[] {
  const editor = useEditor();
  const [templates, setTemplates] = useState<readonly Template[]>([]);
  const ready = useStore(editor.library.store, (state) => state.state === "ready");
  useEffect(() => {
    let over = false;
    const add = async (name: string) => {
      const { document } = await getWorkflow(name);
      const { problems } = await validate(document);
      const fault = problems.find((one) => one.severity !== "warning");
      const about = whose === "user" ? { title: name, picture: null } : { title: document.name || name, picture: templatePicture(name) };
      const found = { name, ...about, description: document.description ?? "", document, missing: fault ? fault.message : null };
      if (!over) setTemplates((before) => [...before.filter((one) => one.name !== name), found].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name)));
    };
    void listWorkflowsOf(whose).then((names) => Promise.allSettled(names.filter((name) => !name.startsWith(FOLDER)).slice(0, MOST).map(add)), (error: unknown) => editor.fail(error));
    return () => {
      over = true;
    };
  }, [editor, ready, whose]);
  return templates;
}

function TemplateCard({ of, onOpen }: { of: Template; onOpen: (name: string) => void }) {
  return (
    <button type="button" className={styles.template} data-testid={`template-${of.name}`} onClick={() => onOpen(of.name)}>
      <span className={styles.templatePicture}>
        <TemplatePicture of={of} />
      </span>
      <strong>{of.title}</strong>
      <span className={styles.faint}>
        <MarkdownLine text={of.description} />
      </span>
      {of.missing && <span className={styles.jobError}>{of.missing}</span>}
    </button>
  );
}

/** What it makes; where there is no picture of that, what it is made of. */
function TemplatePicture({ of: { document, picture } }: { of: Template }) {
  const [lacking, setLacking] = useState(false);
  if (picture === null || lacking) return <GraphSketch document={document} />;
  return <img src={picture} alt="" onError={() => setLacking(true)} />;
}

const rank = (one: Template): number => (one.name === "text_to_image" ? 0 : 1);
