// A canvas over the whole view that shows what is painted on it at the place that is looked from. It is painted with a margin around
// what is seen: while one only moves around, it is shifted, and painted again when the margin is used up.
import type { useStoreApi } from "@xyflow/react";
import { sharpened, type Place } from "@/canvas/paint";

/** How far the margin reaches on each side, in windows. */
const MARGIN = 0.25;

/** Paint, and keep it up with the view. Returns the function that ends it. */
export function keepPainted(element: HTMLCanvasElement, flow: ReturnType<typeof useStoreApi>, paint: (context: CanvasRenderingContext2D, at: Place, width: number, height: number) => void): () => void {
  let painted = { x: 0, y: 0, zoom: 0, width: 0, height: 0 };
  let frame = 0;
  const draw = () => {
    frame = 0;
    const { transform, width, height } = flow.getState();
    const [x, y, zoom] = transform;
    const [across, down] = [Math.round(width * MARGIN), Math.round(height * MARGIN)];
    const [wide, high] = [width + 2 * across, height + 2 * down];
    const context = sharpened(element, wide, high);
    if (!context) return;
    Object.assign(element.style, { left: `${-across}px`, top: `${-down}px`, width: `${wide}px`, height: `${high}px`, transform: "" });
    context.clearRect(0, 0, wide, high);
    paint(context, { x: x + across, y: y + down, zoom }, wide, high);
    painted = { x, y, zoom, width, height };
  };
  const follow = () => {
    if (frame) return;
    const { transform, width, height } = flow.getState();
    const [x, y] = [Math.round(transform[0] - painted.x), Math.round(transform[1] - painted.y)];
    const whole = transform[2] === painted.zoom && width === painted.width && height === painted.height;
    if (whole && Math.abs(x) <= width * MARGIN && Math.abs(y) <= height * MARGIN) element.style.transform = `translate(${x}px, ${y}px)`;
    else frame = requestAnimationFrame(draw);
  };
  draw();
  const stop = flow.subscribe((state, before) => {
    if (state.transform !== before.transform || state.width !== before.width || state.height !== before.height) follow();
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
  };
}
