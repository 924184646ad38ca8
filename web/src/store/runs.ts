// Jobs, as the service tells of them. The service is the source of truth: after every lost connection the queue is read again
// and each job of ours is asked for what was missed. Progress goes to the node that it is about, and nowhere else. A job that is over is
// let go when it is not the last of its document, and all jobs of a document when that is closed.
import { createStore, type StoreApi } from "zustand/vanilla";
import { cancelJob, eventsUrl, getEvents, getJob, getJobs, getQueue, pauseQueue, ServiceError, submitJob, type Job, type JobRequest } from "@/api/client";
import { EventSocket } from "@/api/socket";
import type { Document } from "@/model/document";
import { instancesAround, runInside, sameRun } from "@/model/inside";
import { after, ENDED, failureOf, newJob, withEarlier, withFailed, type FailedRun, type JobEvent, type JobRun, type NodeRun, type OutputFile } from "@/model/runs";
import { Keyed } from "@/store/keyed";

/** What a job drew for the inputs of a node. */
export interface Draws {
  seeds: Readonly<Record<string, number>>;
  prompts: Readonly<Record<string, string>>;
}

export interface RunsState {
  connected: boolean;
  /** Whether there ever was a connection. */
  met: boolean;
  /** Jobs of whoever, the latest first. */
  jobs: readonly Job[];
  counts: Readonly<Record<string, number>>;
  /** Whether the service begins no job until told to. */
  paused: boolean;
  /** The jobs that wait, in the order in which they will run. */
  waiting: readonly Job[];
  next: number | null;
  /** How far each running job of ours is, as told by its events. */
  running: Readonly<Record<string, JobRun>>;
  /** The last job of each document. */
  last: Readonly<Record<string, string>>;
  /** The runs of each document that failed since something was last asked for, whichever of them that were. */
  failed: Readonly<Record<string, readonly FailedRun[]>>;
  /** What the last job of each document drew, by node and input: seeds, and prompts that left words open. */
  draws: Readonly<Record<string, Readonly<Record<string, Draws>>>>;
}

const MOST_JOBS = 60;

/** A job's events on their way. */
interface Fetch {
  /** Whether more was heard of the job since they were asked for. */
  more: boolean;
  done: Promise<void>;
}

export class Runs {
  readonly store: StoreApi<RunsState> = createStore(() => ({
    connected: false,
    met: false,
    jobs: [],
    counts: {},
    paused: false,
    waiting: [],
    next: null,
    running: {},
    last: {},
    failed: {},
    draws: {},
  }));
  /** What is known of each node, by `uid/flat name`. */
  readonly nodes = new Keyed<NodeRun>();
  /** The latest picture of what a node is working on, as an object URL that lives until the next. */
  readonly previews = new Keyed<string>();

  /** The first file that a node made at the run before the last that made another. */
  readonly earlier = new Keyed<OutputFile>();

  private readonly owners = new Map<string, string>();
  /** What each job was asked for, of those that were submitted here. */
  private readonly asked = new Map<string, Document>();
  private readonly folded = new Map<string, JobRun>();
  private readonly fetching = new Map<string, Fetch>();
  /** The jobs of documents that were closed. */
  private readonly parted = new Map<string, readonly string[]>();
  private readonly socket: EventSocket;
  private refreshing: number | undefined;
  /** The number of the last question for the queue, and of the one whose answer is shown: what is older than that is not. */
  private asking = 0;
  private shown = 0;

  /**
   * `onEnd` is told of every job that ends, with the document it belongs to; `onLocked` that the service lets nobody in any more with
   * the token that is known here.
   */
  constructor(
    private readonly onEnd: (uid: string | null, job: JobRun) => void,
    onLocked: () => void = () => undefined,
  ) {
    this.socket = new EventSocket(eventsUrl, {
      onOpen: () => void this.connected(),
      onClose: () => this.store.setState({ connected: false }),
      onRefused: (error) => error instanceof ServiceError && error.status === 401 && onLocked(),
      onEvent: (event, picture) => this.take(event, picture),
    });
  }

  start(): void {
    this.socket.open();
  }

  end(): void {
    this.socket.close();
    window.clearTimeout(this.refreshing);
    this.refreshing = undefined;
  }

  retryConnection(): void {
    this.socket.retry();
  }

  /** Submit, and show what happens at the nodes of that document. Raises ServiceError. */
  async submit(uid: string, request: JobRequest): Promise<Job> {
    const job = await submitJob(request);
    this.asked.set(job.id, request.workflow);
    this.own(uid, job.id);
    this.drew(uid, job);
    void this.catchUp(job.id); // what was told before the answer came
    this.refreshSoon();
    return job;
  }

  /** Take up jobs of an earlier session, oldest first: what they told is read again, in the order in which it was told. */
  async adopt(uid: string, ids: readonly string[]): Promise<void> {
    this.parted.delete(uid);
    for (const id of ids) this.own(uid, id);
    await this.readAgain(ids);
    try {
      const last = ids.at(-1);
      if (last !== undefined && this.owners.get(last) === uid) this.drew(uid, await getJob(last));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
    }
  }

  async cancel(id: string): Promise<void> {
    await cancelJob(id);
    this.refreshSoon();
  }

  /** Let the service begin no job until told to. What runs goes on. */
  async pause(paused: boolean): Promise<void> {
    const queue = await pauseQueue(paused);
    this.shown = ++this.asking;
    this.store.setState({ paused: queue.paused, waiting: queue.waiting, counts: queue.counts });
  }

  /** The jobs of a document that have not ended, oldest first. */
  pending(uid: string): JobRun[] {
    return [...this.folded.values()].filter((job) => this.owners.get(job.id) === uid && !ENDED.has(job.state));
  }

  /** The jobs to take up with a document that is opened again: those that had not ended, oldest first, and its last. */
  jobsOf(uid: string): readonly string[] {
    const last = this.store.getState().last[uid];
    if (last === undefined) return [];
    const unfinished = this.parted.get(uid) ?? this.pending(uid).map(({ id }) => id);
    return [...unfinished.filter((id) => id !== last), last];
  }

  /** What of a document runs, else what of it waits first. */
  current(uid: string): JobRun | undefined {
    const pending = this.pending(uid);
    return pending.find(({ state }) => state === "running") ?? pending[0];
  }

  /** The document that a job was submitted with here. */
  askedFor(id: string): Document | null {
    return this.asked.get(id) ?? null;
  }

  async refresh(): Promise<void> {
    const asked = ++this.asking;
    try {
      const [{ jobs, counts, next }, { paused, waiting }] = await Promise.all([getJobs({ limit: MOST_JOBS }), getQueue()]);
      if (asked < this.shown) return; // something newer is known
      this.shown = asked;
      this.store.setState((before) => ({ ...withEarlier({ jobs, next }, before), counts, paused, waiting }));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
    }
  }

  /** Read further back in the history. */
  async more(): Promise<void> {
    const { next } = this.store.getState();
    if (next === null) return;
    const page = await getJobs({ limit: MOST_JOBS, before: next });
    this.store.setState((state) => (state.next === next ? { jobs: [...state.jobs, ...page.jobs], next: page.next } : {}));
  }

  /** The service has these jobs no more; null for all that have ended. What their nodes made is shown until the page is loaded anew. */
  forgot(ids: readonly string[] | null): void {
    this.shown = ++this.asking;
    this.store.setState(({ jobs, counts }) => {
      const gone = jobs.filter((job) => (ids ? ids.includes(job.id) : ENDED.has(job.state)));
      const left = (state: string, count: number) => (ids ? count - gone.filter((job) => job.state === state).length : ENDED.has(state) ? 0 : count);
      return { jobs: jobs.filter((job) => !gone.includes(job)), counts: Object.fromEntries(Object.entries(counts).map(([state, count]) => [state, left(state, count)])) };
    });
  }

  /** Something is asked for anew, be it one run or a batch: how earlier ones failed is told no more. */
  failuresArePast(uid: string): void {
    this.store.setState(({ failed }) => ({ failed: without(failed, uid) }));
  }

  /** From now on this job is of that document. */
  own(uid: string, id: string): void {
    const before = this.store.getState().last[uid];
    this.owners.set(id, uid);
    if (!this.folded.has(id)) this.folded.set(id, newJob(id));
    this.store.setState(({ last, running }) => ({ last: { ...last, [uid]: id }, running: { ...running, [id]: this.folded.get(id)! } }));
    if (before !== undefined && before !== id && ENDED.has(this.folded.get(before)?.state ?? "")) this.letGo([before]);
  }

  /** A document is closed. Which jobs it had stays known, for it may be opened again. */
  forget(uid: string): void {
    this.parted.set(uid, this.jobsOf(uid));
    this.letGo([...this.owners].filter(([, owner]) => owner === uid).map(([id]) => id));
    for (const key of this.previews.keys()) if (key.startsWith(`${uid}/`)) this.preview(key, null);
    this.nodes.deleteBelow(uid);
    this.earlier.deleteBelow(uid);
    this.store.setState(({ draws, failed }) => ({ draws: without(draws, uid), failed: without(failed, uid) }));
  }

  private letGo(ids: readonly string[]): void {
    for (const id of ids) {
      this.owners.delete(id);
      this.asked.delete(id);
      this.folded.delete(id);
    }
    this.store.setState(({ running }) => ({ running: Object.fromEntries(Object.entries(running).filter(([id]) => !ids.includes(id))) }));
  }

  private async connected(): Promise<void> {
    this.store.setState({ connected: true, met: true });
    await this.refresh();
    const open = [...this.folded.values()].filter((job) => !ENDED.has(job.state));
    await this.readAgain(open.map((job) => job.id));
    this.onEnd(null, newJob(""));
  }

  /** One after the other: a node says what the later job made of it. */
  private async readAgain(ids: readonly string[]): Promise<void> {
    for (const id of ids) if (this.owners.has(id)) await this.catchUp(id);
  }

  private catchUp(id: string): Promise<void> {
    const going = this.fetching.get(id);
    if (going) {
      going.more = true;
      return going.done;
    }
    const fetch: Fetch = { more: false, done: Promise.resolve() };
    this.fetching.set(id, fetch);
    return (fetch.done = this.read(id, fetch));
  }

  private async read(id: string, fetch: Fetch): Promise<void> {
    try {
      do {
        fetch.more = false;
        for (const event of await getEvents(id, this.folded.get(id)?.sequence ?? 0)) this.fold(event);
      } while (fetch.more);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.status === 404) this.lost(id); // forgotten since: it neither runs nor waits
    } finally {
      this.fetching.delete(id);
    }
  }

  /** A job whose end nobody can tell any more: nothing of it works. */
  private lost(id: string): void {
    const uid = this.owners.get(id);
    const nodes = Object.entries(this.folded.get(id)?.nodes ?? {});
    const working = nodes.filter(([, { state }]) => state === "running").map(([node]) => node);
    for (const node of uid === undefined ? [] : new Set([...working, ...working.flatMap(instancesAround)])) {
      const key = `${uid}/${node}`;
      const told = this.nodes.get(key);
      if (told) this.nodes.set(key, { ...told, state: "skipped" });
      this.preview(key, null);
    }
    this.letGo([id]);
  }

  /** What the service told just now. */
  take(event: JobEvent, picture?: Blob): void {
    if (event.type !== "progress" && !event.type.startsWith("node_")) this.refreshSoon();
    const job = this.folded.get(event.job);
    if (!job) return;
    if (event.sequence !== undefined && event.sequence > job.sequence + 1) void this.catchUp(event.job);
    else this.fold(event, picture);
  }

  private fold(event: JobEvent, picture?: Blob): void {
    const before = this.folded.get(event.job);
    const uid = this.owners.get(event.job);
    if (!before || uid === undefined) return;
    const { job, touched } = after(before, event);
    if (job === before) return;
    this.folded.set(job.id, job);
    for (const node of touched) {
      const told = job.nodes[node];
      const key = `${uid}/${node}`;
      const last = this.nodes.get(key)?.output;
      const output = told?.output ?? last;
      const [made, replaced] = [told?.output?.files?.[0], last?.files?.[0]];
      if (made && replaced && made.name !== replaced.name) this.earlier.set(key, replaced);
      this.nodes.set(key, told && (output ? { ...told, output } : told));
      this.showWork(key, told, picture);
    }
    this.foldInstances(uid, job, touched, picture);
    this.store.setState(({ running }) => ({ running: { ...running, [job.id]: job } }));
    if (!ENDED.has(job.state) || ENDED.has(before.state)) return;
    const failure = failureOf(job);
    if (failure) this.store.setState(({ failed }) => ({ failed: { ...failed, [uid]: withFailed(failed[uid] ?? [], failure) } }));
    this.onEnd(uid, job);
    if (this.store.getState().last[uid] !== job.id) this.letGo([job.id]);
  }

  private drew(uid: string, { seeds, prompts }: Job): void {
    const nodes = new Set([...Object.keys(seeds ?? {}), ...Object.keys(prompts ?? {})]);
    if (nodes.size === 0) return;
    const drawn = Object.fromEntries([...nodes].map((node): [string, Draws] => [node, { seeds: seeds?.[node] ?? {}, prompts: prompts?.[node] ?? {} }]));
    this.store.setState(({ draws }) => ({ draws: { ...draws, [uid]: drawn } }));
  }

  /** What is inside subgraphs is told of at their instances, too: from outside nothing else of it is seen. */
  private foldInstances(uid: string, job: JobRun, touched: readonly string[], picture: Blob | undefined): void {
    const showing = touched.length === 1 ? job.nodes[touched[0]!] : undefined;
    for (const instance of new Set(touched.flatMap(instancesAround))) {
      const key = `${uid}/${instance}`;
      const told = runInside(instance, job.nodes);
      if (!sameRun(this.nodes.get(key), told)) this.nodes.set(key, told);
      this.showWork(key, showing, picture);
    }
  }

  /** The picture of what a node is working on, as long as it works. */
  private showWork(key: string, told: NodeRun | undefined, picture: Blob | undefined): void {
    if (picture && told?.state === "running") this.preview(key, picture);
    else if (told?.state !== "running") this.preview(key, null);
  }

  private preview(key: string, picture: Blob | null): void {
    const before = this.previews.get(key);
    if (before) URL.revokeObjectURL(before);
    this.previews.set(key, picture ? URL.createObjectURL(picture) : undefined);
  }

  /** A moment later, however much is told meanwhile. */
  private refreshSoon(): void {
    this.refreshing ??= window.setTimeout(() => {
      this.refreshing = undefined;
      void this.refresh();
    }, 120);
  }
}

function without<T>(all: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  const { [key]: _gone, ...others } = all;
  return others;
}
