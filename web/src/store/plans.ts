// The plan of each open document, always: asked for anew after every edit, run and change of tab. An answer to an earlier
// question is thrown away.
import { createStore, type StoreApi } from "zustand/vanilla";
import { getPlan, ServiceError, validate, type Problem } from "@/api/client";
import type { Document } from "@/model/document";
import { instancesAround } from "@/model/inside";
import { instancesIn, NO_PLAN, planOf, samePlanNode, shownPlan, type PlanNode, type PlanState } from "@/model/plan";
import type { Documents } from "@/store/documents";
import { Keyed } from "@/store/keyed";

const PAUSE = 50;
/** While one types in a large document, not every letter is sent. */
const LARGE = 300;
const PAUSE_WHEN_LARGE = 90;
const PAUSE_TO_VALIDATE = 400;

export class Plans {
  readonly store: StoreApi<Record<string, PlanState>> = createStore(() => ({}));
  /** What is planned for each node, and what is wrong with it, by `uid/flat name`. */
  readonly nodes = new Keyed<PlanNode>();
  readonly problems = new Keyed<readonly Problem[]>();
  private readonly asked = new Map<string, Document>();
  /** Documents whose job is over: what it finished is shown until the service is asked again. */
  private readonly over = new Set<string>();
  private timer: number | undefined;
  private validating: number | undefined;
  private asking: AbortController | null = null;
  private stop: (() => void) | null = null;

  constructor(
    private readonly documents: Documents,
    private readonly scopeOf: (uid: string) => string,
  ) {}

  start(): void {
    this.stop = this.documents.store.subscribe((state, before) => {
      const one = state.active === null ? undefined : state.open[state.active];
      if (one && (state.active !== before.active || this.asked.get(one.uid) !== one.document)) this.refresh(pauseFor(one.document));
    });
    this.refresh(0);
  }

  end(): void {
    this.stop?.();
    window.clearTimeout(this.timer);
    window.clearTimeout(this.validating);
    this.asking?.abort();
  }

  get(uid: string): PlanState {
    return this.store.getState()[uid] ?? NO_PLAN;
  }

  /** Ask again, after a short pause in which more edits may come. */
  refresh(pause = 0): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), pause);
  }

  /** A job of the document runs, and has finished these nodes. */
  finish(uid: string, finished: ReadonlySet<string>): void {
    this.over.delete(uid);
    this.putFinished(uid, finished);
  }

  /** No job of the document runs any more. What it finished is shown until the service has been asked again. */
  finishNone(uid: string): void {
    if (this.get(uid).finished !== null) this.over.add(uid);
  }

  /** The document is another than that of its job, which is over. */
  forgetFinished(uid: string): void {
    if (this.over.delete(uid)) this.putFinished(uid, null);
  }

  private putFinished(uid: string, finished: ReadonlySet<string> | null): void {
    if (!this.documents.get(uid)) return;
    const state = { ...this.get(uid), finished };
    this.store.setState({ [uid]: state });
    this.putMarks(uid, state);
  }

  /** A document is closed. */
  forget(uid: string): void {
    this.over.delete(uid);
    this.asked.delete(uid);
    this.nodes.deleteBelow(uid);
    this.problems.deleteBelow(uid);
    const { [uid]: _gone, ...others } = this.store.getState();
    this.store.setState(others, true);
  }

  private async ask(): Promise<void> {
    const one = this.documents.active;
    if (!one) return;
    const { uid, document } = one;
    this.asked.set(uid, document);
    this.asking?.abort();
    window.clearTimeout(this.validating);
    const asking = (this.asking = new AbortController());
    if (Object.keys(document.nodes).length === 0) {
      this.put(uid, NO_PLAN);
      return;
    }
    const ended = this.over.has(uid);
    const before = this.get(uid);
    if (before.status === "fresh") this.put(uid, { ...before, status: "stale" });
    try {
      const plan = await getPlan(document, this.scopeOf(uid), asking.signal);
      this.answered(uid, { status: "fresh", plan, problems: [] }, ended);
    } catch (error) {
      if (asking.signal.aborted) return;
      if (!(error instanceof ServiceError)) throw error;
      this.answered(uid, refused(error), ended);
    }
    this.validating = window.setTimeout(() => void this.findAll(uid, document, asking.signal), PAUSE_TO_VALIDATE);
  }

  /** `ended`: its job was over already when this was asked. */
  private answered(uid: string, answer: Answer, ended: boolean): void {
    const isOver = ended && this.over.delete(uid);
    this.put(uid, { ...answer, finished: isOver ? null : this.get(uid).finished });
  }

  /** All problems of the document, also of nodes that nothing needs, and warnings. */
  private async findAll(uid: string, document: Document, signal: AbortSignal): Promise<void> {
    try {
      const { problems } = await validate(document, signal);
      if (!signal.aborted) this.put(uid, { ...this.get(uid), problems: merged(this.get(uid).problems, problems) });
    } catch (error) {
      if (!signal.aborted && !(error instanceof ServiceError)) throw error; // what the service refuses, the plan has told
    }
  }

  private put(uid: string, state: PlanState): void {
    if (!this.documents.get(uid)) return;
    this.store.setState({ [uid]: state });
    if (state.status === "stale") return; // the marks stay until there are others
    this.putMarks(uid, state);
    this.putProblems(uid, state.problems);
  }

  private putMarks(uid: string, state: PlanState): void {
    const plan = shownPlan(state);
    const names = plan ? [...Object.keys(plan.nodes), ...instancesIn(plan)] : [];
    const wanted = new Set(names.map((name) => `${uid}/${name}`));
    for (const name of names) {
      const key = `${uid}/${name}`;
      const next = planOf(name, plan) ?? undefined;
      if (!samePlanNode(this.nodes.get(key), next)) this.nodes.set(key, next);
    }
    for (const key of this.nodes.keys()) if (key.startsWith(`${uid}/`) && !wanted.has(key)) this.nodes.set(key, undefined);
  }

  private putProblems(uid: string, problems: readonly Problem[]): void {
    const byNode = new Map<string, Problem[]>();
    for (const one of problems) {
      if (!one.node) continue;
      for (const name of [one.node, ...instancesAround(one.node)]) byNode.set(`${uid}/${name}`, [...(byNode.get(`${uid}/${name}`) ?? []), one]);
    }
    for (const [key, found] of byNode) if (JSON.stringify(this.problems.get(key)) !== JSON.stringify(found)) this.problems.set(key, found);
    for (const key of this.problems.keys()) if (key.startsWith(`${uid}/`) && !byNode.has(key)) this.problems.set(key, undefined);
  }
}

function pauseFor({ nodes }: Document): number {
  return Object.keys(nodes).length > LARGE ? PAUSE_WHEN_LARGE : PAUSE;
}

type Answer = Omit<PlanState, "finished">;

function refused(error: ServiceError): Answer {
  if (error.code === "unreachable") return { status: "unreachable", plan: null, problems: [] };
  const whole: Problem = { code: error.code, message: error.message };
  return { status: "faulty", plan: null, problems: error.problems.length > 0 ? error.problems : [whole] };
}

function merged(first: readonly Problem[], second: readonly Problem[]): Problem[] {
  const key = (one: Problem) => `${one.code}|${one.node}|${one.input}|${one.message}`;
  return [...new Map([...first, ...second].map((one) => [key(one), one])).values()];
}
