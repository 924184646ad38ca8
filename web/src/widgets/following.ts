// Being told that a thing of the page may be somewhere else: what it lies in was scrolled, moved, zoomed or made larger.

const SHIFTS = ["scroll", "resize", "transitionend", "animationend"] as const;

/** Tell once before the next drawing, whatever happened. Returns the function that ends it. */
export function followPlace(element: Element, moved: () => void): () => void {
  let frame = 0;
  const soon = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      moved();
    });
  };
  // The canvas, and what is on it, is moved by its style.
  const styles = new MutationObserver(soon);
  const sizes = new ResizeObserver(soon);
  for (let one: Element | null = element; one; one = one.parentElement) {
    styles.observe(one, { attributes: true, attributeFilter: ["style", "class"] });
    sizes.observe(one);
  }
  for (const name of SHIFTS) window.addEventListener(name, soon, { capture: true, passive: true });
  return () => {
    cancelAnimationFrame(frame);
    styles.disconnect();
    sizes.disconnect();
    for (const name of SHIFTS) window.removeEventListener(name, soon, { capture: true });
  };
}
