// The title of the node that a link comes from, kept up while it is renamed.
import { useCanvasPlace } from "@/canvas/place";
import { graphAt, type Scope } from "@/model/document";
import { titleIn } from "@/model/naming";
import { useActive, useEditor } from "@/store/editor";

/** `scope`: the graph that it is in, where that is not the one on the canvas. */
export function SourceTitle({ name, scope }: { name: string; scope?: Scope }) {
  const { library } = useEditor();
  const place = useCanvasPlace();
  return useActive((one) => (one ? titleIn(graphAt(one.document, scope ?? place.scope), name, one.document, library.catalogue) : name));
}
