// Where this browser keeps documents: one store for all of its windows.
import type { Document } from "@/model/document";
import type { Entered, FileRef, ImportReport, Viewport } from "@/store/documents";

export interface Kept {
  uid: string;
  /** The window that has it open, or had. */
  tab: string;
  order: number;
  active: boolean;
  document: Document;
  /** What is in the file, where that is something else. */
  saved: Document | null;
  file: FileRef | null;
  trail: readonly Entered[];
  views: Readonly<Record<string, Viewport>>;
  /** What is remarked on it. Absent in what an earlier editor kept. */
  report?: ImportReport | null;
  /** Its last job. */
  job: string | null;
  /** Those before it that had not ended, oldest first. Absent in what an earlier editor kept. */
  unfinished?: readonly string[];
  time: number;
  /** When its tab was closed; absent while it is open. */
  closed?: number;
}

/** The jobs to take up with what was kept, oldest first. */
export const jobsIn = ({ unfinished, job }: Kept): readonly string[] => [...(unfinished ?? []), ...(job === null ? [] : [job])];

export interface Revision {
  put: readonly Kept[];
  /** The uids of those that are not kept any more. */
  drop: readonly string[];
}

export interface Shelf {
  write: (revision: Revision) => Promise<void>;
  /** Read all and write what is made of it, as one step that no other window comes between. */
  revise: (decide: (all: readonly Kept[]) => Revision) => Promise<void>;
}

export class BrowserShelf implements Shelf {
  private database: Promise<IDBDatabase> | null = null;

  async write(revision: Revision): Promise<void> {
    const store = await this.store();
    carryOut(store, revision);
    await completed(store.transaction);
  }

  async revise(decide: (all: readonly Kept[]) => Revision): Promise<void> {
    const store = await this.store();
    const reading = store.getAll() as IDBRequest<Kept[]>;
    reading.onsuccess = () => carryOut(store, decide(reading.result));
    await completed(store.transaction);
  }

  private async store(): Promise<IDBObjectStore> {
    this.database ??= opened();
    try {
      return (await this.database).transaction("documents", "readwrite").objectStore("documents");
    } catch (error) {
      this.database = null; // the next one tries anew
      throw error;
    }
  }
}

function carryOut(store: IDBObjectStore, { put, drop }: Revision): void {
  for (const uid of drop) store.delete(uid);
  for (const one of put) store.put(one);
}

const NOTHING_KEPT = "the browser keeps nothing";

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open("latentgraph", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("documents", { keyPath: "uid" });
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error ?? new Error(NOTHING_KEPT));
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((done, failed) => {
    transaction.oncomplete = () => done();
    transaction.onerror = () => failed(transaction.error ?? new Error(NOTHING_KEPT));
    transaction.onabort = () => failed(transaction.error ?? new Error(NOTHING_KEPT));
  });
}
