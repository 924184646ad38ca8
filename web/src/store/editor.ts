// Everything that lives, put together once by the page and handed down.
import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { StoreApi } from "zustand/vanilla";
import { ServiceError } from "@/api/client";
import { keepToken, takeTokenFromAddress } from "@/api/token";
import type { Messages } from "@/i18n/messages";
import type { JobRun } from "@/model/runs";
import type { Document } from "@/model/document";
import { withTitles } from "@/model/naming";
import { AutoRun } from "@/store/autorun";
import { Documents, isUnsaved, type DocumentsState, type OpenDocument } from "@/store/documents";
import { openFromAddress, titleOf } from "@/store/files";
import { Forgetting } from "@/store/forgetting";
import { go } from "@/store/going";
import { Keeping } from "@/store/keeping";
import { Language } from "@/store/language";
import { Library } from "@/store/library";
import { followOnPage } from "@/store/page";
import { keepPanels } from "@/store/openPanels";
import { Pasting } from "@/store/pasting";
import { Plans } from "@/store/plans";
import { Progress } from "@/store/progress";
import { Runs } from "@/store/runs";
import { applySettings, createSettings, shareSettings, type Settings } from "@/store/settings";
import { jobsIn } from "@/store/shelf";
import { isFirstTold } from "@/store/toldFailures";
import { Turns } from "@/store/turns";
import { View } from "@/store/view";

/** What the canvas can do for others. It puts itself here while it is on the page. */
export interface CanvasControl {
  fit: (names?: readonly string[]) => void;
  zoomTo: (zoom: number) => void;
  zoomBy: (factor: number) => void;
  /** The middle of what is seen, on the canvas. */
  centre: () => readonly [number, number];
  toCanvas: (at: { x: number; y: number }) => readonly [number, number];
  /** Where the pointer was last over the canvas, on the screen; its middle where it never was. */
  pointer: () => { x: number; y: number };
  /** The same on the canvas: where what is new goes. */
  pointed: () => readonly [number, number];
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
  /** The saves of documents, by uid. */
  readonly saves = new Turns();
  readonly pasting = new Pasting();
  readonly settings: StoreApi<Settings> = createSettings();
  readonly language = new Language(this.settings);
  readonly plans = new Plans(this.documents, (uid) => this.scope(uid));
  readonly runs = new Runs((uid, job) => this.ended(uid, job), () => this.library.lock());
  readonly forgetting = new Forgetting(this.runs, (error) => this.fail(error));
  readonly keeping = new Keeping(this.documents, (uid) => this.runs.jobsOf(uid), (error) => this.keepsNothing(error));
  private readonly progress = new Progress(this.documents, this.runs, this.plans);
  private readonly autoRun = new AutoRun({
    isOn: () => this.view.store.getState().autoRun,
    due: () => this.due(),
    run: async () => (await this.run())[0] ?? null,
    cancel: (job) => this.runs.cancel(job).catch(() => undefined),
  });
  canvas: CanvasControl | null = null;

  /** Begin to live. Returns the function that ends it. */
  start(): () => void {
    takeTokenFromAddress();
    const stopSettings = applySettings(this.settings);
    const stopSharing = shareSettings(this.settings);
    const stopLanguage = this.language.start();
    const stopPage = followOnPage(this);
    const stopPanels = keepPanels(this.view);
    window.addEventListener("hashchange", this.followAddress);
    void this.library.load();
    this.plans.start();
    this.runs.start();
    this.progress.start();
    this.forgetting.start();
    void this.restore();
    const stopJobs = this.runs.store.subscribe((state, before) => state.last !== before.last && this.keeping.soon());
    const stopDocuments = this.documents.store.subscribe(({ open }, { open: before }) => this.follow(open, before));
    // A service that was started anew may have other nodes: plugins came or went.
    const stopLibrary = this.runs.store.subscribe((state, before) => state.connected && !before.connected && before.met && void this.library.load());
    const stopAuto = [this.plans.store.subscribe(() => this.autoRun.notice()), this.view.store.subscribe((state, before) => state.autoRun !== before.autoRun && this.autoRun.notice())];
    return () => {
      stopSettings();
      stopSharing();
      stopLanguage();
      stopPage();
      stopPanels();
      stopJobs();
      stopDocuments();
      stopLibrary();
      stopAuto.forEach((stop) => stop());
      window.removeEventListener("hashchange", this.followAddress);
      this.autoRun.end();
      this.keeping.end();
      this.progress.end();
      this.forgetting.end();
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

  /** Run the document that is looked at; with `targets` only what these nodes need. Resolves to the ids of the jobs. */
  async run(targets?: readonly string[], count = 1, front = false): Promise<readonly string[]> {
    const one = this.documents.active;
    const jobs: string[] = [];
    if (!one || Object.keys(one.document.nodes).length === 0) return jobs;
    this.documents.settle();
    try {
      for (let index = 0; index < count; index++) {
        const job = await this.runs.submit(one.uid, {
          workflow: one.document,
          scope: this.scope(one.uid),
          client: "editor",
          ...(one.file ? { name: titleOf(one) } : {}),
          ...(targets ? { targets: [...targets] } : {}),
          ...(front ? { front } : {}),
        });
        if (jobs.length === 0) this.runs.failuresArePast(one.uid);
        jobs.push(job.id);
      }
    } catch (error) {
      this.fail(error);
      this.plans.refresh();
    }
    return jobs;
  }

  /** The document that is looked at, if something of it would run now. */
  private due(): { uid: string; document: Document } | null {
    const one = this.documents.active;
    const { status, plan } = this.plans.get(one?.uid ?? "");
    return one && status === "fresh" && plan && plan.run + plan.depends > 0 ? { uid: one.uid, document: one.document } : null;
  }

  /** Cancel what of this document runs, else what of it waits. */
  async cancel(): Promise<void> {
    const one = this.documents.active;
    const chosen = one && this.runs.current(one.uid);
    if (chosen) await this.runs.cancel(chosen.id).catch((error: unknown) => this.fail(error));
  }

  /** A text of the service with the titles of nodes beside what it calls them. */
  titled(text: string, uid = this.documents.active?.uid ?? ""): string {
    const one = this.documents.get(uid);
    return one ? withTitles(text, one.document, this.library.catalogue) : text;
  }

  /** Tell of a fault, and of what it is (a file, say) where what was asked does not make that plain. */
  fail(error: unknown, about = ""): void {
    const of = about === "" ? "" : `${about}: `;
    if (error instanceof ServiceError) {
      const more = error.problems.length > 1 ? this.t.says.problems(error.problems.length) : "";
      this.view.say(of + this.titled(error.message) + more, "bad", error.problems.length > 0 ? { label: this.t.says.show, run: () => this.view.set({ panel: "problems" }) } : undefined);
    } else this.view.say(of + (error instanceof Error ? error.message : String(error)), "bad");
  }

  /** Bring back what was open, with what its last runs made, and what the address asks for. */
  private async restore(): Promise<void> {
    const restored = await this.keeping.start();
    for (const one of restored) void this.runs.adopt(one.uid, jobsIn(one));
    const unsaved = restored.filter((one) => one.saved !== null).length;
    if (unsaved > 0) this.view.say(this.t.says.restored(unsaved));
    await openFromAddress(this);
  }

  /** A link to a workflow or a form, or with a token, that is followed in a page that is there already. */
  private readonly followAddress = () => {
    const given = takeTokenFromAddress();
    if (given !== null) void this.unlock(given);
    void openFromAddress(this);
  };

  /** Go to a node of a document by its whole name, whatever is looked at. */
  private show(uid: string, node: string): void {
    this.documents.activate(uid);
    go(this, node);
  }

  /** What was closed is let go; what is opened again is shown what its last run made. */
  private follow(open: DocumentsState["open"], before: DocumentsState["open"]): void {
    for (const uid of Object.keys(before)) if (!open[uid]) this.forget(uid);
    for (const uid of Object.keys(open)) if (!before[uid]) void this.runs.adopt(uid, this.runs.jobsOf(uid));
  }

  private forget(uid: string): void {
    this.runs.forget(uid);
    this.plans.forget(uid);
    this.autoRun.forget(uid);
  }

  private keepsNothing(error: unknown): void {
    this.view.say(this.t.says.keepsNothing(error instanceof Error ? error.message : String(error)), "bad");
  }

  private ended(uid: string | null, job: JobRun): void {
    this.keeping.soon();
    this.plans.refresh();
    // The worker writes behind what it has told: what it keeps may be there a moment later.
    for (const pause of SETTLING) window.setTimeout(() => this.plans.refresh(), pause);
    if (uid !== null && (job.state === "failed" || job.state === "quarantined") && isFirstTold(job.id)) {
      const node = job.failure?.node;
      this.view.say(job.failure ? this.titled(job.failure.message, uid) : this.t.says.runFailed, "bad", node ? { label: this.t.says.showNode, run: () => this.show(uid, node) } : undefined);
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
