// No work is lost: every open document is kept in this browser a moment after every edit, and comes back after a reload, a crash
// or a power cut. Each window of the browser keeps its own; what a window left behind when it went, the next one takes up.
import type { Document } from "@/model/document";
import { NO_HISTORY } from "@/model/history";
import type { Documents, Entered, FileRef, OpenDocument, Viewport } from "@/store/documents";
import { newUid } from "@/store/uid";

export interface Kept {
  uid: string;
  /** The window that has it open. */
  tab: string;
  order: number;
  active: boolean;
  document: Document;
  /** What is in the file, where that is something else. */
  saved: Document | null;
  file: FileRef | null;
  trail: readonly Entered[];
  views: Readonly<Record<string, Viewport>>;
  job: string | null;
  time: number;
}

const PAUSE = 300;
const TAB = "latentgraph.tab";

export class Keeping {
  private database: Promise<IDBDatabase> | null = null;
  private tab = "";
  private timer: number | undefined;
  private written = new Map<string, { one: OpenDocument; order: number; active: boolean; job: string | null }>();
  private stop: (() => void) | null = null;
  private ended = false;

  constructor(
    private readonly documents: Documents,
    private readonly jobOf: (uid: string) => string | null,
    private readonly onFault: (error: unknown) => void,
  ) {}

  /** Bring back what was open. Resolves to what came back; from now on every change is kept. */
  async start(): Promise<Kept[]> {
    let restored: Kept[] = [];
    try {
      this.tab = await ownTab();
      const held = await heldTabs();
      const all = await this.all();
      restored = all.filter((one) => one.tab === this.tab || (held !== null && !held.has(one.tab))).sort((one, other) => one.order - other.order || one.time - other.time);
      if (this.ended) return [];
      for (const one of restored) this.documents.open(one.document, opened(one));
      const active = restored.find((one) => one.active && one.tab === this.tab) ?? restored.find((one) => one.active);
      if (active) this.documents.activate(active.uid);
    } catch (error) {
      this.onFault(error);
    }
    this.stop = this.documents.store.subscribe(() => this.soon());
    document.addEventListener("visibilitychange", this.flush);
    window.addEventListener("pagehide", this.flush);
    this.soon();
    return restored;
  }

  end(): void {
    this.ended = true;
    this.stop?.();
    document.removeEventListener("visibilitychange", this.flush);
    window.removeEventListener("pagehide", this.flush);
    window.clearTimeout(this.timer);
  }

  soon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(this.flush, PAUSE);
  }

  flush = (): void => {
    window.clearTimeout(this.timer);
    void this.write().catch(this.onFault);
  };

  private async write(): Promise<void> {
    const { open, order, active } = this.documents.store.getState();
    const changed: Kept[] = [];
    for (const [index, uid] of order.entries()) {
      const one = open[uid];
      if (!one) continue;
      const job = this.jobOf(uid);
      const before = this.written.get(uid);
      if (before && before.one === one && before.order === index && before.active === (uid === active) && before.job === job) continue;
      this.written.set(uid, { one, order: index, active: uid === active, job });
      changed.push(record(one, this.tab, index, uid === active, job));
    }
    const gone = [...this.written.keys()].filter((uid) => !open[uid]);
    if (changed.length === 0 && gone.length === 0) return;
    const store = (await this.opened()).transaction("documents", "readwrite").objectStore("documents");
    for (const one of changed) store.put(one);
    for (const uid of gone) {
      store.delete(uid);
      this.written.delete(uid);
    }
    await new Promise<void>((done, failed) => {
      store.transaction.oncomplete = () => done();
      store.transaction.onerror = () => failed(store.transaction.error ?? new Error("the browser keeps nothing"));
      store.transaction.onabort = () => failed(store.transaction.error ?? new Error("the browser keeps nothing"));
    });
  }

  private async all(): Promise<Kept[]> {
    const request = (await this.opened()).transaction("documents").objectStore("documents").getAll() as IDBRequest<Kept[]>;
    return answered(request);
  }

  private opened(): Promise<IDBDatabase> {
    this.database ??= (() => {
      const request = indexedDB.open("latentgraph", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("documents", { keyPath: "uid" });
      return answered(request);
    })();
    return this.database;
  }
}

function record(one: OpenDocument, tab: string, order: number, active: boolean, job: string | null): Kept {
  const { uid, document, saved, file, trail, views } = one;
  return { uid, tab, order, active, document, saved: saved === document ? null : saved, file, trail, views, job, time: Date.now() };
}

function opened(kept: Kept): Partial<OpenDocument> {
  const { uid, document, saved, file, trail, views } = kept;
  return { uid, saved: saved ?? document, file, trail, views, history: NO_HISTORY };
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error ?? new Error("the browser keeps nothing"));
  });
}

/** This window's name, held by a lock for as long as it lives: a copy of the window gets another. */
async function ownTab(): Promise<string> {
  const known = sessionStorage.getItem(TAB);
  if (known !== null && (await held(known))) return known;
  const made = newUid();
  sessionStorage.setItem(TAB, made);
  await held(made);
  return made;
}

const lockOf = (tab: string) => `latentgraph tab ${tab}`;

/** Take the lock of a window's name until the window is gone. False if another window has it. */
function held(tab: string): Promise<boolean> {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((done) => {
    void navigator.locks.request(lockOf(tab), { ifAvailable: true }, (lock) => {
      done(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    });
  });
}

/** The windows that live; null where this browser cannot say. */
async function heldTabs(): Promise<Set<string> | null> {
  if (!navigator.locks) return null;
  const { held: locks } = await navigator.locks.query();
  return new Set((locks ?? []).flatMap(({ name }) => (name?.startsWith(lockOf("")) ? [name.slice(lockOf("").length)] : [])));
}
