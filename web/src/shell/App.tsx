// The whole page.
import { useEffect, useState, type DragEvent } from "react";
import { useStore } from "zustand";
import { Canvas } from "@/canvas/Canvas";
import { handleKey } from "@/commands/keys";
import { dropFiles } from "@/commands/dropping";
import { handlePaste } from "@/commands/pasting";
import { MessagesContext } from "@/i18n/messages";
import { Editor, EditorContext, useActive, useEditor } from "@/store/editor";
import type { ModelFile } from "@/model/loaders";
import { MODEL, placeModel } from "@/store/files";
import type { ViewState } from "@/store/view";
import { Boundary } from "@/shell/Boundary";
import { Crumbs } from "@/shell/Crumbs";
import { Locked } from "@/shell/Locked";
import { Menu } from "@/shell/Menu";
import { Offline } from "@/shell/Offline";
import { Rail } from "@/shell/Rail";
import { Tips } from "@/shell/Tips";
import { Toasts } from "@/shell/Toasts";
import { TopBar } from "@/shell/TopBar";
import { WheelQuestion } from "@/shell/WheelQuestion";
import { Welcome } from "@/shell/Welcome";
import { onDemand } from "@/panels/onDemand";
import { SidePanel } from "@/panels/SidePanel";
import { NodePalette } from "@/panels/NodePalette";
import panels from "@/panels/panels.module.css";
import styles from "@/shell/shell.module.css";

declare global {
  interface Window {
    /** The editor, for programs that drive the page: tests, the bench, people at the console. */
    latentgraph?: Editor;
  }
}

/** Until it is there, its room is: what is seen beside it does not move. */
const Panels = onDemand(() => import("@/panels/Panels"), <div className={panels.panel} />);
const Dialogs = onDemand(() => import("@/panels/Dialogs"));

export function App() {
  const [editor] = useState(() => new Editor());
  const messages = useStore(editor.language.store, (state) => state.messages);
  useEffect(() => {
    window.latentgraph = editor;
    // The editor of prompts is loaded when nothing else is to be done, so that it is there at the first click.
    const timer = window.setTimeout(() => void import("@/widgets/prompt/CodeEditor").catch(() => undefined), 1200);
    const stop = editor.start();
    return () => {
      window.clearTimeout(timer);
      stop();
    };
  }, [editor]);
  return (
    <EditorContext value={editor}>
      <MessagesContext value={messages}>
        <Page />
      </MessagesContext>
    </EditorContext>
  );
}

function Page() {
  const editor = useEditor();
  const panel = useStore(editor.view.store, (state) => state.panel);
  const palette = useStore(editor.view.store, (state) => state.palette);
  const over = useStore(editor.view.store, overPage);
  const side = useStore(editor.view.store, (state) => state.side);
  const active = useActive((one) => one?.uid ?? "");
  useKeys(editor);
  useClipboard(editor);
  return (
    <div className={styles.app} {...dropping(editor)}>
      <TopBar />
      <Rail />
      <Boundary of={`${active} ${panel}`}>
        {panel && <Panels panel={panel} />}
      </Boundary>
      <main className={styles.stage}>
        <Boundary of={active}>{active === "" ? <Welcome /> : <Canvas />}</Boundary>
        <Crumbs />
        <Offline />
        <Locked />
        <WheelQuestion />
        <Toasts />
      </main>
      <Boundary of={`${active} ${side}`}>
        <SidePanel />
      </Boundary>
      <Boundary of={String(palette !== null)} onClose={() => editor.view.set({ palette: null })}>
        {palette && <NodePalette request={palette} />}
      </Boundary>
      <Menu />
      <Boundary of={over} onClose={() => closeOver(editor)}>
        {over !== "" && <Dialogs />}
      </Boundary>
      <Tips />
    </div>
  );
}

/** What is open over the page. */
function overPage({ dialog, commands, picture, mask }: ViewState): string {
  return [dialog, commands && "commands", picture && "picture", mask && "mask"].filter(Boolean).join(" ");
}

function closeOver(editor: Editor): void {
  editor.view.store.getState().mask?.done(null);
  editor.view.set({ dialog: null, commands: false, picture: null, mask: null });
  editor.canvas?.focus();
}

function useKeys(editor: Editor): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => handleKey(editor, event);
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [editor]);
}

function useClipboard(editor: Editor): void {
  useEffect(() => {
    const listen = (event: ClipboardEvent) => handlePaste(editor, event);
    window.addEventListener("paste", listen);
    return () => window.removeEventListener("paste", listen);
  }, [editor]);
}

function dropping(editor: Editor) {
  return {
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer.types.includes("Files") || event.dataTransfer.types.includes(MODEL)) event.preventDefault();
    },
    onDrop: (event: DragEvent) => {
      const files = [...event.dataTransfer.files];
      const model = event.dataTransfer.getData(MODEL);
      if (files.length === 0 && !model) return;
      event.preventDefault();
      const at = { x: event.clientX, y: event.clientY };
      if (model) placeModel(editor, JSON.parse(model) as ModelFile, editor.canvas?.toCanvas(at) ?? null);
      else void dropFiles(editor, files, event.target as Element, at).catch((error: unknown) => editor.fail(error));
    },
  };
}
