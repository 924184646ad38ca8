// Undo and redo of a mask: of each step only the part that changed is kept, and no more of them than memory allows.
import { cut, paste, whole, type Mask, type Rect } from "@/widgets/mask/mask";

interface Step {
  name: string;
  rect: Rect;
  before: Uint8ClampedArray;
  after: Uint8ClampedArray;
}

const MOST_BYTES = 192 * 2 ** 20;

export class MaskHistory {
  private steps: Step[] = [];
  private done = 0;
  private bytes = 0;

  constructor(
    private readonly mask: Mask,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  get undoable(): string | null {
    return this.steps[this.done - 1]?.name ?? null;
  }

  get redoable(): string | null {
    return this.steps[this.done]?.name ?? null;
  }

  /** Keep a step that has been taken: what was in the rectangle before it. */
  push(name: string, rect: Rect, before: Uint8ClampedArray): void {
    for (const step of this.steps.splice(this.done)) this.bytes -= step.before.length * 2;
    this.steps.push({ name, rect, before, after: cut(this.mask, rect) });
    this.bytes += before.length * 2;
    this.done += 1;
    while (this.bytes > this.mostBytes && this.steps.length > 1) {
      this.bytes -= (this.steps.shift()?.before.length ?? 0) * 2;
      this.done -= 1;
    }
  }

  /** Change the whole mask as one step. */
  change(name: string, change: (mask: Mask) => void): Rect {
    const before = this.mask.data.slice();
    change(this.mask);
    this.push(name, whole(this.mask), before);
    return whole(this.mask);
  }

  /** Take the last step back. Returns what changed. */
  undo(): Rect | null {
    const step = this.steps[this.done - 1];
    if (!step) return null;
    this.done -= 1;
    paste(this.mask, step.rect, step.before);
    return step.rect;
  }

  redo(): Rect | null {
    const step = this.steps[this.done];
    if (!step) return null;
    this.done += 1;
    paste(this.mask, step.rect, step.after);
    return step.rect;
  }
}
