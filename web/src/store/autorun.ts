// A run after every change that matters, a moment after the last: a run of its own that is out of date by then is cancelled. What the
// user has asked to run is left alone.
import { sameWork, type Document } from "@/model/document";

/** What is needed of the editor. */
export interface AutoRunHost {
  isOn: () => boolean;
  /** The document that is looked at and would run, if something of it would; null otherwise. */
  due: () => { uid: string; document: Document } | null;
  /** Run the document that is looked at. Resolves to the id of the job; null if it was refused. */
  run: () => Promise<string | null>;
  /** Cancel a job that may have ended meanwhile. */
  cancel: (job: string) => Promise<void>;
}

const PAUSE = 400;

export class AutoRun {
  private readonly ran = new Map<string, Document>();
  private readonly jobs = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private working: Promise<void> = Promise.resolve();

  constructor(private readonly host: AutoRunHost) {}

  /** Something may have changed: look again after a pause. */
  notice(): void {
    clearTimeout(this.timer);
    if (this.host.isOn() && this.isDue()) this.timer = setTimeout(() => (this.working = this.working.then(() => this.look())), PAUSE);
  }

  end(): void {
    clearTimeout(this.timer);
  }

  /** A document is closed. */
  forget(uid: string): void {
    this.ran.delete(uid);
    this.jobs.delete(uid);
  }

  private isDue(): { uid: string; document: Document } | null {
    const due = this.host.due();
    const before = due && this.ran.get(due.uid);
    return due && !(before && sameWork(before, due.document)) ? due : null;
  }

  private async look(): Promise<void> {
    const { uid } = (this.host.isOn() && this.isDue()) || {};
    const stale = uid === undefined ? undefined : this.jobs.get(uid);
    if (stale !== undefined) await this.host.cancel(stale);
    const due = this.host.isOn() ? this.isDue() : null; // another may be looked at by now
    if (!due || due.uid !== uid) return this.notice();
    this.ran.set(due.uid, due.document);
    const job = await this.host.run();
    if (job === null) this.jobs.delete(due.uid);
    else this.jobs.set(due.uid, job);
  }
}
