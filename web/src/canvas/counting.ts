// How often each node was drawn, for the tests and the bench alone: they put a map there before the page starts.
declare global {
  interface Window {
    latentgraphRenders?: Map<string, number>;
  }
}

export function countRender(id: string): void {
  const counts = window.latentgraphRenders;
  if (counts) counts.set(id, (counts.get(id) ?? 0) + 1);
}
