// Which windows of this browser live. Each has a name that outlasts a reload; a copy of a window gets another.
import { newUid } from "@/store/uid";

export type IsAlive = (window: string) => boolean;

export interface Windows {
  /** The name of this window. */
  own: () => Promise<string>;
  /** Do something that is for one window at a time, knowing which of them live. */
  alone: <T>(work: (isAlive: IsAlive) => Promise<T>) => Promise<T>;
}

export const windowsHere = (): Windows => (navigator.locks ? new LockedWindows() : new CalledWindows());

const NAME = "latentgraph.tab";
const LOCK = "latentgraph tab ";
/** How long a page that goes may keep its lock, in milliseconds. A copy of a window opens so much later. */
const LETTING_GO = 1000;

/** A window holds a lock on its name for as long as it lives. */
class LockedWindows implements Windows {
  private name: Promise<string> | null = null;

  own(): Promise<string> {
    this.name ??= this.take();
    return this.name;
  }

  async alone<T>(work: (isAlive: IsAlive) => Promise<T>): Promise<T> {
    return await navigator.locks.request("latentgraph windows", async () => {
      const { held = [] } = await navigator.locks.query();
      const locks = new Set(held.map((lock) => lock.name));
      return work((window) => locks.has(LOCK + window));
    });
  }

  private async take(): Promise<string> {
    const known = sessionStorage.getItem(NAME);
    if (known !== null && (await hold(LOCK + known))) return known;
    const made = newUid();
    sessionStorage.setItem(NAME, made);
    await hold(LOCK + made);
    return made;
  }
}

/**
 * Take a lock until the window is gone. False if another window has it, and keeps it: what was in this window before may take a
 * moment to let go.
 */
function hold(lock: string): Promise<boolean> {
  return new Promise((done) => {
    const kept = () => (done(true), new Promise<void>(() => undefined));
    navigator.locks.request(lock, { signal: AbortSignal.timeout(LETTING_GO) }, kept).catch(() => done(false));
  });
}

type Call = { who: true } | { here: string };
/** How long answers are waited for, in milliseconds. */
const PATIENCE = 300;

/**
 * Where there are no locks, as on pages without encryption, the windows call each other. One that sleeps does not answer and is
 * taken for dead, so who relies on this must let it be wrong.
 */
class CalledWindows implements Windows {
  private readonly channel = new BroadcastChannel("latentgraph windows");
  private name: Promise<string> | null = null;

  own(): Promise<string> {
    this.name ??= this.take();
    return this.name;
  }

  async alone<T>(work: (isAlive: IsAlive) => Promise<T>): Promise<T> {
    const alive = await this.called();
    return work((window) => alive.has(window));
  }

  private async take(): Promise<string> {
    let name = sessionStorage.getItem(NAME) ?? newUid();
    const answer = () => this.channel.postMessage({ here: name } satisfies Call);
    this.channel.addEventListener("message", ({ data }: MessageEvent<Call>) => "who" in data && answer());
    if ((await this.called()).has(name)) name = newUid();
    sessionStorage.setItem(NAME, name);
    answer();
    return name;
  }

  private async called(): Promise<ReadonlySet<string>> {
    const alive = new Set<string>();
    const listen = ({ data }: MessageEvent<Call>) => "here" in data && alive.add(data.here);
    this.channel.addEventListener("message", listen);
    this.channel.postMessage({ who: true } satisfies Call);
    await new Promise((done) => setTimeout(done, PATIENCE));
    this.channel.removeEventListener("message", listen);
    return alive;
  }
}
