// What a job tells while it runs, folded into what is known of it. A kept event has a number within its job: what was seen
// already is left out, so replaying after a lost connection changes nothing twice.

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled" | "quarantined";
export const ENDED: ReadonlySet<string> = new Set(["done", "failed", "cancelled", "quarantined"]);

export interface OutputFile {
  folder: string;
  name: string;
  bytes?: number;
}

export interface NodeOutput {
  files?: OutputFile[];
  text?: string[];
}

export interface Failure {
  code: string;
  message: string;
  hint?: string | null;
  inputs?: Record<string, string>;
  exception?: string;
  trace?: string;
  node?: string;
}

export interface NodeRun {
  state: "waiting" | "running" | "ran" | "cached" | "skipped" | "failed" | "blocked";
  value?: number;
  maximum?: number;
  seconds?: number;
  tier?: string | null;
  reason?: string;
  output?: NodeOutput;
  failure?: Failure;
  job: string;
  /** Of an instance of a subgraph: the node inside that this is about, by its whole name. */
  at?: string;
}

export interface JobEvent {
  type: string;
  job: string;
  sequence?: number;
  time?: number;
  data: Record<string, unknown>;
}

export interface JobRun {
  id: string;
  state: JobState;
  sequence: number;
  nodes: Readonly<Record<string, NodeRun>>;
  /** How many nodes the run has, and how many of them are over. */
  total: number;
  over: number;
  /** The nodes that were cached when it began, and those that it has brought to a good end. */
  finished: ReadonlySet<string>;
  failure?: Failure;
}

/** A run that failed, and how. */
export interface FailedRun {
  job: string;
  failure: Failure;
}

/** How a job failed; null for one that did not, or not yet. */
export function failureOf(job: JobRun): FailedRun | null {
  const failed = job.state === "failed" || job.state === "quarantined";
  return failed && job.failure ? { job: job.id, failure: job.failure } : null;
}

/** One more run that failed: the latest of those that failed alike, as runs of one batch do, stands for all of them. */
export function withFailed(known: readonly FailedRun[], one: FailedRun): readonly FailedRun[] {
  const alike = ({ failure }: FailedRun) => failure.node === one.failure.node && failure.code === one.failure.code && failure.message === one.failure.message;
  return [...known.filter((other) => !alike(other)), one];
}

const LONGEST = 20_000;

/** What a node told, as it is shown. */
export function wordsIn(text: readonly string[] | undefined, longest = LONGEST): string {
  const whole = text?.join("\n") ?? "";
  return whole.length > longest ? `${whole.slice(0, longest)}…` : whole;
}

export const newJob = (id: string): JobRun => ({ id, state: "queued", sequence: 0, nodes: {}, total: 0, over: 0, finished: new Set() });

/** The job after an event, and the nodes that the event told of. The same job for an event seen before. */
export function after(job: JobRun, event: JobEvent): { job: JobRun; touched: readonly string[] } {
  if (event.sequence !== undefined) {
    if (event.sequence <= job.sequence) return { job, touched: [] };
    job = { ...job, sequence: event.sequence };
  }
  const { data } = event;
  const node = typeof data["display"] === "string" ? data["display"] : typeof data["node"] === "string" ? data["node"] : "";
  const known = job.nodes[node];
  const told = (change: Partial<NodeRun> & Pick<NodeRun, "state">, over = 0) => ({
    job: { ...job, over: job.over + over, nodes: { ...job.nodes, [node]: { ...change, job: job.id } as NodeRun } },
    touched: [node],
  });
  switch (event.type) {
    case "started":
      return started(job, data);
    case "node_started":
      return told({ state: "running", ...(known?.output ? { output: known.output } : {}) });
    case "progress":
      if (known && known.state !== "running" && known.state !== "waiting") return { job, touched: [] };
      return told({ ...known, state: "running", value: Number(data["value"]), maximum: Number(data["maximum"]) });
    case "node_finished":
      return withFinished(told(finished(data), 1), data);
    case "node_failed":
      return told({ state: "failed", failure: data as unknown as Failure }, 1);
    case "node_blocked":
      return told({ state: "blocked", reason: String(data["message"] ?? "") }, 1);
    case "running":
      return { job: { ...job, state: "running" }, touched: [] };
    case "requeued":
    case "queued":
      return { job: { ...job, state: "queued" }, touched: [] };
    case "done":
    case "failed":
    case "cancelled":
    case "quarantined":
      return ended(job, event.type, data);
    default:
      return { job, touched: [] };
  }
}

/** What is inside an expanded node is told of at that node, which is not finished by it. */
function withFinished({ job, touched }: { job: JobRun; touched: readonly string[] }, { node, display }: Record<string, unknown>): { job: JobRun; touched: readonly string[] } {
  const isInside = typeof display === "string" && node !== display;
  return isInside ? { job, touched } : { job: { ...job, finished: new Set([...job.finished, String(node)]) }, touched };
}

function started(job: JobRun, data: Record<string, unknown>): { job: JobRun; touched: readonly string[] } {
  const cached = (data["cached"] as string[] | undefined) ?? [];
  const outputs = (data["outputs"] as Record<string, NodeOutput> | undefined) ?? {};
  const nodes = Object.fromEntries(
    cached.map((name): [string, NodeRun] => [name, { state: "cached", job: job.id, ...(outputs[name] ? { output: outputs[name] } : {}) }]),
  );
  const total = Number(data["nodes"] ?? 0);
  return { job: { ...job, state: "running", nodes, total, over: cached.length, finished: new Set(cached) }, touched: [...new Set([...Object.keys(job.nodes), ...cached])] };
}

function finished(data: Record<string, unknown>): Partial<NodeRun> & Pick<NodeRun, "state"> {
  const status = data["status"];
  return {
    state: status === "cached" || status === "skipped" ? status : "ran",
    seconds: Number(data["seconds"] ?? 0),
    reason: String(data["reason"] ?? ""),
    tier: (data["tier"] as string | null | undefined) ?? null,
    ...(data["output"] ? { output: data["output"] as NodeOutput } : {}),
  };
}

function ended(job: JobRun, state: JobState, data: Record<string, unknown>): { job: JobRun; touched: readonly string[] } {
  const touched: string[] = [];
  const nodes: Record<string, NodeRun> = { ...job.nodes };
  for (const [name, one] of Object.entries(nodes)) {
    if (one.state !== "running" && one.state !== "waiting") continue;
    nodes[name] = { ...one, state: "skipped" };
    touched.push(name);
  }
  const failure = data["error"] as Failure | undefined;
  return { job: { ...job, state, nodes, ...(failure ? { failure } : {}) }, touched };
}

/** How far a job is, from 0 to 1: nodes that are over, and the share of the one that is running. */
export function progressOf(job: JobRun): number {
  if (ENDED.has(job.state)) return 1;
  if (job.total === 0) return 0;
  const running = Object.values(job.nodes).filter((one) => one.state === "running");
  const shares = running.reduce((sum, one) => sum + (one.maximum ? (one.value ?? 0) / one.maximum : 0), 0);
  return Math.min(1, (job.over + shares) / job.total);
}

interface Page<Job> {
  /** The latest first. */
  jobs: readonly Job[];
  /** Where the next page begins; null where there is none. */
  next: number | null;
}

/** The first page of all jobs as it is now, with what was read of earlier ones before: as far as one goes on from the other. */
export function withEarlier<Job extends { id: string }>(first: Page<Job>, known: Page<Job>): Page<Job> {
  const last = first.jobs.at(-1);
  const at = first.next === null || !last ? -1 : known.jobs.findIndex((job) => job.id === last.id);
  return at < 0 ? first : { jobs: [...first.jobs, ...known.jobs.slice(at + 1)], next: at + 1 === known.jobs.length ? first.next : known.next };
}
