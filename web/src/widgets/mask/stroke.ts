// Painting on a mask. A stroke first says how much it covers each pixel; the mask is then its beginning with that laid on it, so going
// over a place twice in one stroke changes nothing, whatever the opacity.
import { clipped, cut, united, type Mask, type Rect } from "@/widgets/mask/mask";
import type { Point } from "@/widgets/picture/view";

/** A place the brush was at. */
export interface Touch extends Point {
  radius: number;
}

export type Effect = "paint" | "erase";

export interface StrokeOptions {
  effect: Effect;
  /** 0 to 1. */
  opacity: number;
  /** The share of the radius that is fully covered, 0 to 1. */
  hardness: number;
}

export class Stroke {
  private readonly covered: Uint8Array;
  private readonly before: Uint8ClampedArray;
  private last: Touch | null = null;
  private reached: Rect | null = null;

  constructor(
    private readonly mask: Mask,
    private readonly options: StrokeOptions,
  ) {
    this.covered = new Uint8Array(mask.data.length);
    this.before = mask.data.slice();
  }

  /** Move the brush to a place. Returns what changed. */
  to(touch: Touch): Rect | null {
    const from = this.last ?? touch;
    this.last = touch;
    const most = Math.max(from.radius, touch.radius) + 1;
    const rect = clipped(this.mask, Math.min(from.x, touch.x) - most, Math.min(from.y, touch.y) - most, Math.max(from.x, touch.x) + most + 1, Math.max(from.y, touch.y) + most + 1);
    if (rect) this.cover(rect, from, touch);
    return this.reach(rect);
  }

  /** Cover what is inside an outline. Returns what changed. */
  fill(outline: readonly Point[]): Rect | null {
    const rect = coverOutline(this.mask, this.covered, outline);
    if (rect) for (let y = rect.y; y < rect.y + rect.height; y++) for (let x = rect.x; x < rect.x + rect.width; x++) this.lay(y * this.mask.width + x);
    return this.reach(rect);
  }

  /** What changed in all, with what was there before; null when nothing did. */
  end(): { rect: Rect; before: Uint8ClampedArray } | null {
    if (!this.reached) return null;
    return { rect: this.reached, before: cut({ ...this.mask, data: this.before }, this.reached) };
  }

  /** Cover what is near the way between two places: a capsule whose radius may change. Runs for every pixel around the brush. */
  private cover(rect: Rect, from: Touch, to: Touch): void {
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const length = dx * dx + dy * dy;
    const far = (Math.max(from.radius, to.radius) + 1) ** 2;
    for (let y = rect.y; y < rect.y + rect.height; y++) {
      for (let x = rect.x; x < rect.x + rect.width; x++) {
        const px = x + 0.5 - from.x;
        const py = y + 0.5 - from.y;
        const along = length === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length));
        const away = (px - along * dx) ** 2 + (py - along * dy) ** 2;
        if (away > far) continue;
        const value = 255 * falloff(Math.sqrt(away), from.radius + (to.radius - from.radius) * along, this.options.hardness);
        const pixel = y * this.mask.width + x;
        if (value <= this.covered[pixel]!) continue;
        this.covered[pixel] = value;
        this.lay(pixel);
      }
    }
  }

  /** The pixel as it was before the stroke, with what the stroke covers laid on it. */
  private lay(pixel: number): void {
    const share = (this.covered[pixel]! / 255) * this.options.opacity;
    const before = this.before[pixel]!;
    this.mask.data[pixel] = this.options.effect === "paint" ? before + (255 - before) * share : before * (1 - share);
  }

  private reach(rect: Rect | null): Rect | null {
    this.reached = united(this.reached, rect);
    return rect;
  }
}

/** How much a brush covers at a distance from its middle. Even the hardest has an edge of a pixel, lest it look like stairs. */
export function falloff(distance: number, radius: number, hardness: number): number {
  const inner = Math.min(radius * hardness, radius - 0.5);
  const outer = Math.max(radius, inner + 1, 0.75);
  if (distance <= inner) return 1;
  if (distance >= outer) return 0;
  const share = (outer - distance) / (outer - inner);
  return share * share * (3 - 2 * share);
}

const FINE = 4;

/** Cover what is inside an outline (even-odd), with soft edges: each row is read several times, each end counts by its share. */
function coverOutline(mask: Mask, covered: Uint8Array, outline: readonly Point[]): Rect | null {
  if (outline.length < 3) return null;
  const [xs, ys] = [outline.map((one) => one.x), outline.map((one) => one.y)];
  const rect = clipped(mask, Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1);
  if (!rect) return null;
  const row = new Float32Array(rect.width + 1);
  for (let y = rect.y; y < rect.y + rect.height; y++) {
    row.fill(0);
    for (let part = 0; part < FINE; part++) {
      const ends = crossings(outline, y + (part + 0.5) / FINE);
      for (let index = 0; index + 1 < ends.length; index += 2) addSpan(row, (ends[index] ?? 0) - rect.x, (ends[index + 1] ?? 0) - rect.x, rect.width);
    }
    for (let x = 0; x < rect.width; x++) {
      const pixel = y * mask.width + rect.x + x;
      covered[pixel] = Math.max(covered[pixel] ?? 0, Math.round(((row[x] ?? 0) * 255) / FINE));
    }
  }
  return rect;
}

function crossings(outline: readonly Point[], y: number): number[] {
  const found: number[] = [];
  outline.forEach((a, index) => {
    const b = outline[(index + 1) % outline.length] ?? a;
    if (a.y <= y !== b.y <= y) found.push(a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x));
  });
  return found.sort((a, b) => a - b);
}

function addSpan(row: Float32Array, from: number, to: number, width: number): void {
  const [left, right] = [Math.max(0, from), Math.min(width, to)];
  for (let x = Math.floor(left); x < right; x++) row[x] = (row[x] ?? 0) + Math.min(x + 1, right) - Math.max(x, left);
}
