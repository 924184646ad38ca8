// A mask as bytes, 255 where masked, and what can be done to it. No page, no canvas: the editor only shows what is here.

export interface Mask {
  readonly width: number;
  readonly height: number;
  /** Rows from the top, one byte a pixel. */
  readonly data: Uint8ClampedArray;
}

/** A part of a mask in whole pixels. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function emptyMask(width: number, height: number): Mask {
  return { width, height, data: new Uint8ClampedArray(width * height) };
}

/** What is transparent in RGBA pixels is masked. */
export function maskOfTransparency(width: number, height: number, rgba: Uint8ClampedArray): Mask {
  const mask = emptyMask(width, height);
  for (let pixel = 0; pixel < mask.data.length; pixel++) mask.data[pixel] = 255 - (rgba[pixel * 4 + 3] ?? 255);
  return mask;
}

/** RGBA pixels that are transparent where masked. */
export function transparencyOfMask(mask: Mask): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(mask.data.length * 4);
  for (let pixel = 0; pixel < mask.data.length; pixel++) rgba[pixel * 4 + 3] = 255 - (mask.data[pixel] ?? 0);
  return rgba;
}

export const whole = (mask: Mask): Rect => ({ x: 0, y: 0, width: mask.width, height: mask.height });

/** The part of a rectangle that is on the mask, in whole pixels; null for none. */
export function clipped(mask: Mask, left: number, top: number, right: number, bottom: number): Rect | null {
  const x = Math.max(0, Math.floor(left));
  const y = Math.max(0, Math.floor(top));
  const width = Math.min(mask.width, Math.ceil(right)) - x;
  const height = Math.min(mask.height, Math.ceil(bottom)) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

export function united(a: Rect | null, b: Rect | null): Rect | null {
  if (!a || !b) return a ?? b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

export function cut(mask: Mask, { x, y, width, height }: Rect): Uint8ClampedArray {
  const part = new Uint8ClampedArray(width * height);
  for (let row = 0; row < height; row++) part.set(mask.data.subarray((y + row) * mask.width + x, (y + row) * mask.width + x + width), row * width);
  return part;
}

export function paste(mask: Mask, { x, y, width, height }: Rect, part: Uint8ClampedArray): void {
  for (let row = 0; row < height; row++) mask.data.set(part.subarray(row * width, (row + 1) * width), (y + row) * mask.width + x);
}

export function invert(mask: Mask): void {
  for (let pixel = 0; pixel < mask.data.length; pixel++) mask.data[pixel] = 255 - (mask.data[pixel] ?? 0);
}

/** How much of the mask is masked, 0 to 1. */
export function coverage(mask: Mask): number {
  let sum = 0;
  for (const value of mask.data) sum += value;
  return sum / (255 * mask.data.length);
}

/** Softens the edges over about so many pixels: three box filters, close to a Gaussian. Edges of the picture count as going on. */
export function feather(mask: Mask, radius: number): void {
  if (radius < 1) return;
  const { width, height, data } = mask;
  const from = Float32Array.from(data);
  const to = new Float32Array(data.length);
  for (const box of boxesFor(radius)) {
    blurLines(from, to, box, height, width, width, 1);
    blurLines(to, from, box, width, height, 1, width);
  }
  for (let pixel = 0; pixel < data.length; pixel++) data[pixel] = Math.round(from[pixel] ?? 0);
}

/** Radii of three box filters that come to a standard deviation of half the radius. */
function boxesFor(radius: number): number[] {
  const ideal = Math.sqrt((12 * (radius / 2) ** 2) / 3 + 1);
  const low = Math.max(1, Math.floor(ideal) - ((Math.floor(ideal) + 1) % 2));
  const narrow = Math.round((12 * (radius / 2) ** 2 - 3 * low * low - 12 * low - 9) / (-4 * low - 4));
  return [0, 1, 2].map((index) => ((index < narrow ? low : low + 2) - 1) / 2);
}

function blurLines(from: Float32Array, to: Float32Array, box: number, lines: number, length: number, lineStep: number, step: number): void {
  const share = 1 / (box * 2 + 1);
  for (let line = 0; line < lines; line++) {
    const start = line * lineStep;
    const value = (place: number) => from[start + Math.min(length - 1, Math.max(0, place)) * step] ?? 0;
    let sum = 0;
    for (let place = -box; place <= box; place++) sum += value(place);
    for (let place = 0; place < length; place++) {
      to[start + place * step] = sum * share;
      sum += value(place + box + 1) - value(place - box);
    }
  }
}
