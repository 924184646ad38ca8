// How frames and heaps are measured. Frames are sampled inside the gesture, by requestAnimationFrame, never after it.
import type { CDPSession, Page } from "playwright-core";

export interface Frames {
  n: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
  /** The share of frames that took longer than 16.7, 33 and 50 ms. */
  over: [number, number, number];
}

/** The frames while `work` goes on. */
export async function framesOf(page: Page, work: () => Promise<void>): Promise<Frames> {
  await page.evaluate(() => {
    const times: number[] = [];
    let last = performance.now();
    let going = true;
    const tick = (now: number) => {
      times.push(now - last);
      last = now;
      if (going) requestAnimationFrame(tick);
    };
    requestAnimationFrame((now) => {
      last = now;
      requestAnimationFrame(tick);
    });
    Object.assign(window, {
      benchFrames: () => {
        going = false;
        return times;
      },
    });
  });
  await work();
  const times = await page.evaluate(() => (window as unknown as { benchFrames: () => number[] }).benchFrames());
  return summary(times);
}

export function summary(times: readonly number[]): Frames {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const over = (limit: number) => sorted.filter((one) => one > limit + 0.5).length / Math.max(1, sorted.length);
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? 0, over: [over(16.7), over(33.4), over(50)] };
}

export async function heapOf(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
  return usedSize / 2 ** 20;
}

/** Milliseconds until the page has drawn what it was told and has nothing left to do. */
export async function untilIdle(page: Page, work: string): Promise<number> {
  return page.evaluate(async (source) => {
    const begin = performance.now();
    await (0, eval)(`(async () => { ${source} })()`);
    await new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())));
    await new Promise<void>((done) => requestIdleCallback(() => done(), { timeout: 10_000 }));
    return performance.now() - begin;
  }, work);
}
