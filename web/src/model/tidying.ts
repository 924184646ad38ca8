// A whole graph laid out anew: every frame round what is in it, and nothing over anything else. What is in a frame is laid out by itself
// and the frame then takes part, as one box, in the layout of what is around it, so frames in frames are no case of their own.
import { laidOut, type Flow, type Placed } from "@/model/arrange";
import type { Point } from "@/model/document";

/** What is laid out, and how much is to be left free below it: for what it shows while it works. */
export interface Roomy extends Placed {
  room: number;
}

/** A frame, and what was in it when one began. A closed one keeps what is in it as it is. */
export interface PlacedFrame extends Placed {
  closed: boolean;
  inside: readonly string[];
}

export interface Tidied {
  places: ReadonlyMap<string, Point>;
  /** How large frames are now. */
  sizes: ReadonlyMap<string, Point>;
}

/** Between a frame and what is in it: multiples of what places are rounded to. */
const SIDE = 24;
const HEAD = 56;
const NARROWEST_FRAME = 200;

export async function tidied(boxes: readonly Roomy[], frames: readonly PlacedFrame[], links: readonly Flow[]): Promise<Tidied> {
  const made = new Tidying(boxes, frames, links);
  await made.put(null);
  return made;
}

class Tidying implements Tidied {
  readonly places = new Map<string, Point>();
  readonly sizes = new Map<string, Point>();
  private readonly rooms: Map<string, number>;
  private readonly around: ReadonlyMap<string, PlacedFrame>;

  constructor(
    private readonly boxes: readonly Roomy[],
    private readonly frames: readonly PlacedFrame[],
    private readonly links: readonly Flow[],
  ) {
    this.around = framesAround(frames);
    this.rooms = new Map(boxes.map(({ id, room }) => [id, room]));
  }

  /** Lay out what is directly in a frame, or in none; the corner stays where it was. */
  async put(frame: PlacedFrame | null): Promise<void> {
    const isHere = ({ id }: Placed) => (this.around.get(id) ?? null) === frame;
    const blocks = this.frames.filter(isHere);
    for (const block of blocks) if (!block.closed) await this.put(block);
    for (const block of blocks) this.size(block);
    const here = [...this.boxes.filter(isHere), ...blocks].map((one) => this.now(one));
    for (const [id, at] of await laidOut(here.map((one) => ({ ...one, height: one.height + this.roomBelow(one) })), this.linksIn(frame))) this.places.set(id, at);
    for (const block of blocks) this.carry(block);
  }

  /** Make a frame as large as what was laid out in it; what is to be left free at its lower end may stick out of it. */
  private size(frame: PlacedFrame): void {
    const inside = frame.closed ? [] : this.extents(frame);
    if (inside.length === 0) return;
    const [left, top] = [Math.min(...inside.map((one) => one.x)), Math.min(...inside.map((one) => one.y))];
    const width = Math.max(...inside.map((one) => one.x + one.width)) - left + 2 * SIDE;
    const height = Math.max(...inside.map((one) => one.y + one.height)) - top + HEAD + SIDE;
    const roomy = Math.max(...inside.map((one) => one.y + one.height + this.roomBelow(one))) - top + HEAD;
    this.sizes.set(frame.id, [Math.max(NARROWEST_FRAME, Math.round(width)), Math.round(height)]);
    this.rooms.set(frame.id, Math.max(0, roomy - height));
  }

  private roomBelow({ id }: Placed): number {
    return this.rooms.get(id) ?? 0;
  }

  /** Where what is directly in a frame is now. */
  private extents(frame: PlacedFrame): Placed[] {
    return [...this.boxes, ...this.frames].filter(({ id }) => this.around.get(id) === frame).map((one) => this.now(one));
  }

  private now(one: Placed): Placed {
    const [x, y] = this.places.get(one.id) ?? [one.x, one.y];
    const [width, height] = this.sizes.get(one.id) ?? [one.width, one.height];
    return { ...one, x, y, width, height };
  }

  /** All that is in a frame goes where the frame went. */
  private carry(frame: PlacedFrame): void {
    const [x, y] = this.places.get(frame.id)!;
    const inside = this.extents(frame);
    if (inside.length === 0) return;
    const right = frame.closed ? x - frame.x : x + SIDE - Math.min(...inside.map((one) => one.x));
    const down = frame.closed ? y - frame.y : y + HEAD - Math.min(...inside.map((one) => one.y));
    const carried = new Set(frame.inside);
    for (const one of [...this.boxes, ...this.frames]) {
      if (!carried.has(one.id)) continue;
      const at = this.now(one);
      this.places.set(one.id, [at.x + right, at.y + down]);
    }
  }

  /** The links between what is directly in a frame, those of what is deeper inside too. */
  private linksIn(frame: PlacedFrame | null): Flow[] {
    return this.links.flatMap(({ from, to }) => {
      const [source, target] = [this.directlyIn(frame, from), this.directlyIn(frame, to)];
      return source === null || target === null || source === target ? [] : [{ from: source, to: target }];
    });
  }

  /** The thing itself or the frame that it is in, as it is directly in this frame; null for what is not in it. */
  private directlyIn(frame: PlacedFrame | null, id: string): string | null {
    for (let current: string | null = id; current !== null; ) {
      const around: PlacedFrame | null = this.around.get(current) ?? null;
      if (around === frame) return current;
      current = around?.id ?? null;
    }
    return null;
  }
}

/** Of each thing the smallest frame that it is in. */
function framesAround(frames: readonly PlacedFrame[]): Map<string, PlacedFrame> {
  const around = new Map<string, PlacedFrame>();
  const area = ({ width, height }: Placed) => width * height;
  for (const frame of [...frames].sort((one, other) => area(other) - area(one))) for (const id of frame.inside) around.set(id, frame);
  return around;
}
