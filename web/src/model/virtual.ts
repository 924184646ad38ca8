// Which of many lines are in view. Pure; heights may differ.

/** Where each line begins, and at the end how high they are together. */
export function offsetsOf(heights: readonly number[]): Float64Array {
  const offsets = new Float64Array(heights.length + 1);
  for (let line = 0; line < heights.length; line++) offsets[line + 1] = (offsets[line] ?? 0) + (heights[line] ?? 0);
  return offsets;
}

/** The lines [from, to) that a view of that height sees at that place, and a few around them. */
export function inView(offsets: Float64Array, top: number, height: number, around = 4): { from: number; to: number } {
  const count = offsets.length - 1;
  const from = Math.max(0, lineAt(offsets, top) - around);
  const to = Math.min(count, lineAt(offsets, top + height) + 1 + around);
  return { from, to };
}

/** Where to scroll so that a line is in view; where one is if it already is. */
export function scrollTo(offsets: Float64Array, line: number, top: number, height: number): number {
  const begin = offsets[line] ?? 0;
  const end = offsets[line + 1] ?? begin;
  if (begin < top) return begin;
  return end > top + height ? end - height : top;
}

/** The last line that begins at or before that place. */
function lineAt(offsets: Float64Array, place: number): number {
  let low = 0;
  let high = Math.max(0, offsets.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}
