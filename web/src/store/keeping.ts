// No work is lost: every open document is kept in this browser a moment after every edit, and comes back after a reload, a crash
// or a power cut. Each window of the browser keeps its own; what a window left behind when it went, the next one takes up. What was
// closed is kept as well, the last of it.
import { NO_HISTORY } from "@/model/history";
import { isUnsaved, type Documents, type DocumentsState, type OpenDocument } from "@/store/documents";
import { BrowserShelf, type Kept, type Shelf } from "@/store/shelf";
import { newUid } from "@/store/uid";
import { windowsHere, type Windows } from "@/store/windows";

const PAUSE = 300;
const RETRY = 10_000;
/** More closed documents than these are not kept. */
const MOST_CLOSED = 50;

const NONE: readonly string[] = [];

/** What of an open document is kept. */
interface Version {
  one: OpenDocument;
  order: number;
  active: boolean;
  /** Those that have not ended, oldest first, and the last. */
  jobs: readonly string[];
  closed?: number;
}

export class Keeping {
  private tab = "";
  private timer: number | undefined;
  /** What the browser has, by uid. */
  private readonly written = new Map<string, Version>();
  /** What was closed and is not known to be kept so yet. */
  private readonly closed = new Map<string, Version>();
  private failing = false;
  /** Ends what the last start began; null before it and afterwards. */
  private stop: (() => void) | null = null;

  constructor(
    private readonly documents: Documents,
    private readonly jobsOf: (uid: string) => readonly string[],
    private readonly onFault: (error: unknown) => void,
    private readonly shelf: Shelf = new BrowserShelf(),
    private readonly windows: Windows = windowsHere(),
  ) {}

  /** Bring back what was open. Resolves to what came back; from now on every change is kept. */
  async start(): Promise<Kept[]> {
    let live = true;
    this.stop = () => (live = false);
    const restored = await this.claimed().catch((error: unknown) => (this.fault(error), []));
    if (!live) return [];
    for (const one of restored) this.documents.open(one.document, opened(one));
    const active = restored.find((one) => one.active);
    if (active) this.documents.activate(active.uid);
    this.stop = this.follow();
    this.soon();
    return restored;
  }

  end(): void {
    this.stop?.();
    this.stop = null;
    window.clearTimeout(this.timer);
  }

  soon(): void {
    if (this.stop) this.later(PAUSE);
  }

  flush = (): void => {
    window.clearTimeout(this.timer);
    void this.write().catch((error: unknown) => this.fault(error));
  };

  /** Open again what was closed last, in whatever window that was. Null when there is nothing. */
  async reopen(): Promise<Kept | null> {
    await this.write();
    let found: Kept | null = null;
    await this.shelf.revise((all) => {
      const last = closedOf(all)[0];
      if (!last) return { put: [], drop: [] };
      found = takenBy(this.tab, last);
      return { put: [found], drop: [last.uid] };
    });
    const one = found as Kept | null; // set by a callback, which the compiler does not follow
    if (one) this.documents.open(one.document, opened(one));
    return one;
  }

  /** What this window had open, and then what windows that are gone had. That is this window's from here on, and no other's. */
  private async claimed(): Promise<Kept[]> {
    this.tab = await this.windows.own();
    let claimed: Kept[] = [];
    await this.windows.alone((isAlive) =>
      this.shelf.revise((all) => {
        const open = all.filter((one) => one.closed === undefined).sort((one, other) => one.order - other.order || one.time - other.time);
        const left = open.filter((one) => one.tab !== this.tab && !isAlive(one.tab));
        const taken = left.map((one) => takenBy(this.tab, one));
        claimed = [...open.filter((one) => one.tab === this.tab), ...taken];
        return { put: taken, drop: [...left, ...closedOf(all).slice(MOST_CLOSED)].map((one) => one.uid) };
      }),
    );
    return claimed;
  }

  private follow(): () => void {
    const stop = this.documents.store.subscribe((state, before) => {
      this.noteClosed(state, before);
      this.soon();
    });
    document.addEventListener("visibilitychange", this.flush);
    window.addEventListener("pagehide", this.flush);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", this.flush);
      window.removeEventListener("pagehide", this.flush);
    };
  }

  private noteClosed(state: DocumentsState, before: DocumentsState): void {
    if (state.open === before.open) return;
    for (const [order, uid] of before.order.entries()) {
      const one = before.open[uid];
      const known = this.jobsOf(uid);
      const jobs = known.length > 0 ? known : (this.written.get(uid)?.jobs ?? NONE);
      if (one && !state.open[uid]) this.closed.set(uid, { one, order, active: false, jobs, closed: Date.now() });
    }
    for (const uid of this.closed.keys()) if (state.open[uid]) this.closed.delete(uid);
  }

  private async write(): Promise<void> {
    const changed = this.versions().filter((version) => !isSame(this.written.get(version.one.uid), version));
    const closed = [...this.closed.values()];
    if (changed.length === 0 && closed.length === 0) return;
    const worth = closed.filter(({ one }) => isWorthKeeping(one));
    const put = [...changed, ...worth].map((version) => record(version, this.tab));
    await this.shelf.write({ put, drop: closed.filter((version) => !worth.includes(version)).map(({ one }) => one.uid) });
    for (const version of changed) this.written.set(version.one.uid, version);
    for (const version of closed) if (this.closed.get(version.one.uid) === version) this.settleClosed(version.one.uid);
    this.failing = false;
  }

  private settleClosed(uid: string): void {
    this.closed.delete(uid);
    this.written.delete(uid);
  }

  private versions(): Version[] {
    const { open, order, active } = this.documents.store.getState();
    return order.flatMap((uid, index) => {
      const one = open[uid];
      return one ? [{ one, order: index, active: uid === active, jobs: this.jobsOf(uid) }] : [];
    });
  }

  /** Told once until something is kept again; tried again in any case. */
  private fault(error: unknown): void {
    if (!this.failing) this.onFault(error);
    this.failing = true;
    if (this.stop) this.later(RETRY);
  }

  private later(pause: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(this.flush, pause);
  }
}

const isSame = (before: Version | undefined, now: Version): boolean =>
  before !== undefined && before.one === now.one && before.order === now.order && before.active === now.active && before.jobs.join() === now.jobs.join();

/** What was neither edited nor has anything in it is no work. */
const isWorthKeeping = (one: OpenDocument): boolean => isUnsaved(one) || Object.keys(one.document.nodes).length > 0;

/** What is closed, the last first. */
const closedOf = (all: readonly Kept[]): Kept[] => all.filter((one) => one.closed !== undefined).sort((one, other) => other.closed! - one.closed!);

/** It is named anew, so that whoever still has it, against all appearance, never writes to the same record. */
function takenBy(tab: string, { closed: _closed, ...kept }: Kept): Kept {
  return { ...kept, uid: newUid(), tab };
}

function record({ one, order, active, jobs, closed }: Version, tab: string): Kept {
  const { uid, document, saved, file, trail, views, report } = one;
  const kept: Kept = { uid, tab, order, active, document, saved: saved === document ? null : saved, file, trail, views, report, job: jobs.at(-1) ?? null, unfinished: jobs.slice(0, -1), time: Date.now() };
  return closed === undefined ? kept : { ...kept, closed };
}

function opened({ uid, document, saved, file, trail, views, report }: Kept): Partial<OpenDocument> {
  return { uid, saved: saved ?? document, file, trail, views, report: report ?? null, history: NO_HISTORY };
}
