// The title of the node that a link comes from, kept up while it is renamed.
import { useCanvasPlace } from "@/canvas/place";
import { graphAt } from "@/model/document";
import { titleIn } from "@/model/naming";
import { useActive, useEditor } from "@/store/editor";

export function SourceTitle({ name }: { name: string }) {
  const { library } = useEditor();
  const { scope } = useCanvasPlace();
  return useActive((one) => (one ? titleIn(graphAt(one.document, scope), name, one.document, library.catalogue) : name));
}
