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
/** How long a page that goes may keep its lock before it is asked whether it lives, in milliseconds. */
const LETTING_GO = 1000;
/** So often it is asked. Who never answers and never lets go sleeps, and is a window of its own. */
const MOST_CALLS = 10;

/** A window holds a lock on its name for as long as it lives, and says its name when called. */
class LockedWindows implements Windows {
  private readonly calls = new Calls();
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
    const name = known !== null && (await this.holdAgain(known)) ? known : newUid();
    if (name !== known) {
      sessionStorage.setItem(NAME, name);
      await hold(name);
    }
    this.calls.own = name;
    return name;
  }

  /**
   * Hold the name that was this window's before. False if it is that of a window which lives: this one is a copy of it. The page that
   * was in this window before may take its time to let go, but says nothing.
   */
  private async holdAgain(name: string): Promise<boolean> {
    const giveUp = new AbortController();
    let waits = true;
    const holding = hold(name, giveUp.signal).finally(() => (waits = false));
    const ask = async () => {
      for (let calls = 0; waits && calls < MOST_CALLS; calls++) {
        await pause(LETTING_GO);
        if (waits && (await this.calls.answers()).has(name)) break;
      }
      giveUp.abort(); // of no effect on a lock that is held
    };
    void ask();
    return holding;
  }
}

/** Take the lock on a name until the window is gone. False if that is given up. */
function hold(name: string, giveUp?: AbortSignal): Promise<boolean> {
  return new Promise((done) => {
    const kept = () => (done(true), new Promise<void>(() => undefined));
    navigator.locks.request(LOCK + name, giveUp ? { signal: giveUp } : {}, kept).catch(() => done(false));
  });
}

/**
 * Where there are no locks, as on pages without encryption, the windows call each other. One that sleeps does not answer and is
 * taken for dead, so who relies on this must let it be wrong.
 */
class CalledWindows implements Windows {
  private readonly calls = new Calls();
  private name: Promise<string> | null = null;

  own(): Promise<string> {
    this.name ??= this.take();
    return this.name;
  }

  async alone<T>(work: (isAlive: IsAlive) => Promise<T>): Promise<T> {
    const alive = await this.calls.answers();
    return work((window) => alive.has(window));
  }

  private async take(): Promise<string> {
    this.calls.own = sessionStorage.getItem(NAME) ?? newUid();
    if ((await this.calls.answers()).has(this.calls.own)) this.calls.own = newUid();
    sessionStorage.setItem(NAME, this.calls.own);
    this.calls.answer();
    return this.calls.own;
  }
}

type Call = { who: true } | { here: string };
/** How long answers are waited for, in milliseconds. */
const PATIENCE = 300;

/** The windows of this browser call each other: each that is awake says its name. */
class Calls {
  /** What this window answers with: nothing, as long as it has no name. */
  own: string | null = null;
  private readonly channel = new BroadcastChannel("latentgraph windows");

  constructor() {
    this.channel.addEventListener("message", ({ data }: MessageEvent<Call>) => "who" in data && this.answer());
  }

  answer(): void {
    if (this.own !== null) this.channel.postMessage({ here: this.own } satisfies Call);
  }

  async answers(): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    const listen = ({ data }: MessageEvent<Call>) => "here" in data && names.add(data.here);
    this.channel.addEventListener("message", listen);
    this.channel.postMessage({ who: true } satisfies Call);
    await pause(PATIENCE);
    this.channel.removeEventListener("message", listen);
    return names;
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));
