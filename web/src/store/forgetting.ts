// Jobs that are taken out of the history: gone from the list at once, and from the service when that can be undone no more, or the
// page goes. Until then they can be brought back.
import { createStore, type StoreApi } from "zustand/vanilla";
import { clearHistory, forgetJob, ServiceError } from "@/api/client";
import type { Runs } from "@/store/runs";
import { SHOWN_LONG } from "@/store/view";

/** Offer to bring a job back. Returns what takes the offer back. */
type Offer = (bringBack: () => void) => () => void;

/** A job that can be brought back. */
interface Leaving {
  timer: number;
  takeOfferBack: () => void;
}

export class Forgetting {
  /** The jobs that are on their way out: those that can be brought back, and those that the service is being asked to forget. */
  readonly store: StoreApi<{ leaving: ReadonlySet<string> }> = createStore(() => ({ leaving: new Set<string>() }));
  private readonly waiting = new Map<string, Leaving>();

  constructor(
    private readonly runs: Runs,
    private readonly onFault: (error: unknown) => void,
  ) {}

  start(): void {
    window.addEventListener("pagehide", this.flush);
  }

  end(): void {
    window.removeEventListener("pagehide", this.flush);
    this.flush();
  }

  /** Take a job out, and offer to bring it back as long as it can be. */
  take(id: string, offer: Offer): void {
    if (this.store.getState().leaving.has(id)) return;
    const timer = window.setTimeout(() => void this.forget(id), SHOWN_LONG);
    this.waiting.set(id, { timer, takeOfferBack: offer(() => this.bringBack(id)) });
    this.show(id, true);
  }

  /** Forget all jobs that have ended, at once. Raises ServiceError. */
  async clear(): Promise<void> {
    await clearHistory();
    for (const id of [...this.waiting.keys()]) {
      this.stopWaiting(id);
      this.show(id, false);
    }
    this.runs.forgot(null);
    await this.runs.refresh();
  }

  private bringBack(id: string): void {
    if (this.stopWaiting(id)) this.show(id, false);
  }

  private readonly flush = (): void => {
    for (const id of [...this.waiting.keys()]) void this.forget(id);
  };

  private async forget(id: string): Promise<void> {
    this.stopWaiting(id); // from here on nothing brings it back
    try {
      await forgetJob(id);
      this.runs.forgot([id]);
    } catch (error) {
      if (!(error instanceof ServiceError && error.status === 404)) this.onFault(error); // else it is gone already
      else this.runs.forgot([id]);
    } finally {
      this.show(id, false);
    }
  }

  /** Whether it could still be brought back. */
  private stopWaiting(id: string): boolean {
    const one = this.waiting.get(id);
    if (!one) return false;
    window.clearTimeout(one.timer);
    one.takeOfferBack();
    return this.waiting.delete(id);
  }

  private show(id: string, leaves: boolean): void {
    const others = [...this.store.getState().leaving].filter((one) => one !== id);
    this.store.setState({ leaving: new Set(leaves ? [...others, id] : others) });
  }
}
