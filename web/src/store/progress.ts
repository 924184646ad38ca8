// What the running job of a document has done is taken off what is planned for it: a node that is finished, and asked for as it was, says
// so. Where it is not known what a job was asked for (it was begun before this page was), the service is asked for the plan again instead.
import { stillFinished } from "@/model/finished";
import type { JobRun } from "@/model/runs";
import type { Documents, DocumentsState } from "@/store/documents";
import type { Plans } from "@/store/plans";
import type { Runs } from "@/store/runs";

/** Of a large graph many nodes are finished together. */
const PAUSE = 100;
const PAUSE_TO_ASK = 1000;

export class Progress {
  /** How much of its job was told of each document. */
  private readonly told = new Map<string, ReadonlySet<string>>();
  private timer: number | undefined;
  private asking: number | undefined;
  private stops: (() => void)[] = [];

  constructor(
    private readonly documents: Documents,
    private readonly runs: Runs,
    private readonly plans: Plans,
  ) {}

  start(): void {
    this.stops = [
      this.runs.store.subscribe((state, before) => state.running !== before.running && this.soon()),
      this.documents.store.subscribe((state, before) => state.open !== before.open && this.edited(state, before)),
    ];
  }

  end(): void {
    this.stops.forEach((stop) => stop());
    window.clearTimeout(this.timer);
    window.clearTimeout(this.asking);
    this.timer = this.asking = undefined;
  }

  private soon(): void {
    this.timer ??= window.setTimeout(() => {
      this.timer = undefined;
      for (const uid of Object.keys(this.documents.store.getState().open)) this.follow(uid);
    }, PAUSE);
  }

  private follow(uid: string): void {
    const job = this.runningJob(uid);
    if (!job) {
      if (this.told.delete(uid)) this.plans.finishNone(uid);
      return;
    }
    if (this.told.get(uid) === job.finished) return;
    this.told.set(uid, job.finished);
    this.tell(uid, job);
  }

  /** An edit is told of at once: nothing is said to be done a moment longer than that is known. */
  private edited({ open }: DocumentsState, { open: before }: DocumentsState): void {
    for (const uid of Object.keys(open)) {
      if (!before[uid] || open[uid]!.document === before[uid].document) continue;
      const job = this.runningJob(uid);
      if (job) this.tell(uid, job);
      else this.plans.forgetFinished(uid);
    }
    for (const uid of Object.keys(before)) if (!open[uid]) this.told.delete(uid);
  }

  private tell(uid: string, job: JobRun): void {
    const asked = this.runs.askedFor(job.id);
    const one = this.documents.get(uid);
    if (asked && one) this.plans.finish(uid, stillFinished(job.finished, asked, one.document));
    else this.askSoon();
  }

  private runningJob(uid: string): JobRun | undefined {
    return this.runs.pending(uid).find(({ state }) => state === "running");
  }

  private askSoon(): void {
    this.asking ??= window.setTimeout(() => {
      this.asking = undefined;
      this.plans.refresh();
    }, PAUSE_TO_ASK);
  }
}
