// Everything that lives, put together once by the page and handed down.
import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { StoreApi } from "zustand/vanilla";
import { ServiceError } from "@/api/client";
import { keepToken, takeTokenFromAddress } from "@/api/token";
import type { Messages } from "@/i18n/messages";
import type { JobRun } from "@/model/runs";
import { Documents, isUnsaved, type OpenDocument } from "@/store/documents";
import { openFromAddress } from "@/store/files";
import { Keeping } from "@/store/keeping";
import { Language } from "@/store/language";
import { Library } from "@/store/library";
import { followOnPage } from "@/store/page";
import { Plans } from "@/store/plans";
import { Runs } from "@/store/runs";
import { applySettings, createSettings, type Settings } from "@/store/settings";
import { View } from "@/store/view";

/** What the canvas can do for others. It puts itself here while it is on the page. */
export interface CanvasControl {
  fit: (names?: readonly string[]) => void;
  zoomTo: (zoom: number) => void;
  zoomBy: (factor: number) => void;
  /** The middle of what is seen, on the canvas. */
  centre: () => readonly [number, number];
  toCanvas: (at: { x: number; y: number }) => readonly [number, number];
  focus: () => void;
  /** Bring a node into view, if it is not, and give it the focus. */
  reveal: (name: string) => void;
  /** Put the caret into a node's first field. */
  editField: (name: string) => void;
}

const SETTLING = [350, 1500];

export class Editor {
  readonly documents = new Documents();
  readonly library = new Library();
  readonly view = new View();
  readonly settings: StoreApi<Settings> = createSettings();
  readonly language = new Language(this.settings);
  readonly plans = new Plans(this.documents, (uid) => this.scope(uid));
  readonly runs = new Runs((uid, job) => this.ended(uid, job));
  readonly keeping = new Keeping(this.documents, (uid) => this.runs.store.getState().last[uid] ?? null, (error) => this.keptNothing(error));
  canvas: CanvasControl | null = null;
  private warned = false;

  /** Begin to live. Returns the function that ends it. */
  start(): () => void {
    takeTokenFromAddress();
    const stopSettings = applySettings(this.settings);
    const stopLanguage = this.language.start();
    const stopPage = followOnPage(this);
    void this.library.load();
    this.plans.start();
    this.runs.start();
    void this.restore();
    const stopAuto = this.followEdits();
    return () => {
      stopSettings();
      stopLanguage();
      stopPage();
      stopAuto();
      this.keeping.end();
      this.plans.end();
      this.runs.end();
    };
  }

  /** The texts of the interface, in the language that is spoken. */
  get t(): Messages {
    return this.language.messages;
  }

  /** Try again with this token. */
  async unlock(given: string): Promise<void> {
    keepToken(given);
    await this.library.load();
    this.runs.retryConnection();
    this.plans.refresh();
  }

  /** Names a document across its runs, so that the service can say what changed since the last. */
  scope(uid: string): string {
    const one = this.documents.get(uid);
    return one?.file ? `editor ${one.file.name}` : `editor ${uid}`;
  }

  /** Run the document that is looked at; with `targets` only what these nodes need. */
  async run(targets?: readonly string[], count = 1, front = false): Promise<void> {
    const one = this.documents.active;
    if (!one || Object.keys(one.document.nodes).length === 0) return;
    this.documents.settle();
    try {
      for (let index = 0; index < count; index++) {
        await this.runs.submit(one.uid, {
          workflow: one.document,
          scope: this.scope(one.uid),
          client: "editor",
          ...(targets ? { targets: [...targets] } : {}),
          ...(front ? { front } : {}),
        });
      }
    } catch (error) {
      this.fail(error);
      this.plans.refresh();
    }
  }

  /** Cancel what of this document runs, else what of it waits. */
  async cancel(): Promise<void> {
    const one = this.documents.active;
    const pending = one ? this.runs.pending(one.uid) : [];
    const chosen = pending.find((job) => job.state === "running") ?? pending[0];
    if (chosen) await this.runs.cancel(chosen.id).catch((error: unknown) => this.fail(error));
  }

  fail(error: unknown): void {
    if (error instanceof ServiceError) {
      const more = error.problems.length > 1 ? ` (${error.problems.length} problems)` : "";
      this.view.say(error.message + more, "bad", error.problems.length > 0 ? { label: "Show", run: () => this.view.set({ panel: "problems" }) } : undefined);
    } else this.view.say(error instanceof Error ? error.message : String(error), "bad");
  }

  /** Bring back what was open, with what its last runs made, and what the address asks for. */
  private async restore(): Promise<void> {
    const restored = await this.keeping.start();
    for (const one of restored) if (one.job !== null) void this.runs.adopt(one.uid, one.job);
    const unsaved = restored.filter((one) => one.saved !== null).length;
    if (unsaved > 0) this.view.say(unsaved === 1 ? "Restored a workflow that was not saved" : `Restored ${unsaved} workflows that were not saved`);
    await openFromAddress(this);
  }

  /** With "run on every change": a run when the plan of an edited document is there, and the run before it ended early. */
  private followEdits(): () => void {
    let ran: unknown = null;
    return this.plans.store.subscribe((state) => {
      const one = this.documents.active;
      if (!this.view.store.getState().autoRun || !one || ran === one.document) return;
      const plan = state[one.uid];
      if (plan?.status !== "fresh" || !plan.plan || plan.plan.run + plan.plan.depends === 0) return;
      ran = one.document;
      void Promise.all(this.runs.pending(one.uid).map((job) => this.runs.cancel(job.id))).then(() => this.run());
    });
  }

  private keptNothing(error: unknown): void {
    if (this.warned) return;
    this.warned = true;
    this.view.say(`This browser keeps nothing (${error instanceof Error ? error.message : String(error)}): save your work to files`, "bad");
  }

  private ended(uid: string | null, job: JobRun): void {
    this.plans.refresh();
    // The worker writes behind what it has told: what it keeps may be there a moment later.
    for (const pause of SETTLING) window.setTimeout(() => this.plans.refresh(), pause);
    if (uid !== null && job.state === "failed") {
      const node = job.failure?.node;
      this.view.say(job.failure?.message ?? "The run failed", "bad", node ? { label: "Show node", run: () => this.canvas?.fit([node]) } : undefined);
    }
  }
}

export const EditorContext = createContext<Editor | null>(null);

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (editor === null) throw new Error("the editor is missing above this component");
  return editor;
}

export function useActive<T>(selector: (one: OpenDocument | null) => T): T {
  const { documents } = useEditor();
  return useStore(documents.store, ({ open, active }) => selector(active === null ? null : (open[active] ?? null)));
}

export { isUnsaved };
