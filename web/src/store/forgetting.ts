// Jobs that are taken out of the history: gone from the list at once, and from the service when that can be undone no more, or the
// page goes. Until then they can be brought back.
import { createStore, type StoreApi } from "zustand/vanilla";
import { clearHistory, forgetJob, ServiceError } from "@/api/client";
import type { Runs } from "@/store/runs";

/** As long as a message that can be undone is shown. */
export const UNDONE_WITHIN = 9000;

export class Forgetting {
  /** The jobs that are on their way out. */
  readonly store: StoreApi<{ leaving: ReadonlySet<string> }> = createStore(() => ({ leaving: new Set<string>() }));
  private readonly timers = new Map<string, number>();

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

  /** Take a job out. Returns what brings it back, as long as it can be. */
  take(id: string): () => void {
    if (!this.timers.has(id)) this.timers.set(id, window.setTimeout(() => void this.forget(id), UNDONE_WITHIN));
    this.show();
    return () => {
      window.clearTimeout(this.timers.get(id));
      this.timers.delete(id);
      this.show();
    };
  }

  /** Forget all jobs that have ended, at once. Raises ServiceError. */
  async clear(): Promise<void> {
    await clearHistory();
    this.runs.forgot(null);
    await this.runs.refresh();
  }

  private readonly flush = (): void => {
    for (const id of this.timers.keys()) void this.forget(id);
  };

  private async forget(id: string): Promise<void> {
    window.clearTimeout(this.timers.get(id));
    try {
      await forgetJob(id);
      this.runs.forgot([id]);
    } catch (error) {
      if (!(error instanceof ServiceError && error.status === 404)) this.onFault(error); // else it is gone already
      else this.runs.forgot([id]);
    } finally {
      this.timers.delete(id);
      this.show();
    }
  }

  private show(): void {
    this.store.setState({ leaving: new Set(this.timers.keys()) });
  }
}
