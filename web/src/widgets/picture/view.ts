// Looking at a picture: how large it is on the screen, and where. Pure.

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** A place of the picture is at `scale * place + (x, y)` of the stage. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export const SMALLEST = 0.02;
export const LARGEST = 32;

/** The whole picture in the middle, at most as large as it is. */
export function fitted(picture: Size, stage: Size, room = 24, largest = 1): View {
  const scale = Math.min((stage.width - room * 2) / picture.width, (stage.height - room * 2) / picture.height, largest);
  return centred(picture, stage, bounded(scale));
}

export function centred(picture: Size, stage: Size, scale: number): View {
  return { scale, x: (stage.width - picture.width * scale) / 2, y: (stage.height - picture.height * scale) / 2 };
}

/** Larger or smaller, with what is at a point of the stage staying there. */
export function zoomed(view: View, at: Point, factor: number): View {
  const scale = bounded(view.scale * factor);
  const place = toPicture(view, at);
  return { scale, x: at.x - place.x * scale, y: at.y - place.y * scale };
}

export function moved(view: View, by: Point): View {
  return { ...view, x: view.x + by.x, y: view.y + by.y };
}

/** Keeps a corner of the picture on the stage. */
export function reined(view: View, picture: Size, stage: Size, left = 48): View {
  const within = (place: number, length: number, room: number) => Math.min(room - left, Math.max(left - length, place));
  return { ...view, x: within(view.x, picture.width * view.scale, stage.width), y: within(view.y, picture.height * view.scale, stage.height) };
}

export function toPicture(view: View, at: Point): Point {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}

/** What two fingers do: the picture follows both. */
export function pinched(view: View, before: readonly [Point, Point], after: readonly [Point, Point]): View {
  const middle = ([a, b]: readonly [Point, Point]): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const apart = ([a, b]: readonly [Point, Point]): number => Math.hypot(a.x - b.x, a.y - b.y);
  const from = middle(before);
  const to = middle(after);
  return zoomed(moved(view, { x: to.x - from.x, y: to.y - from.y }), to, apart(after) / Math.max(1, apart(before)));
}

/** How much a turn of the wheel, or a pinch on a trackpad, zooms. */
export function wheelFactor(event: { deltaY: number; deltaMode: number; ctrlKey: boolean }): number {
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  return Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.0015));
}

function bounded(scale: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, scale));
}
