// What can be done with the picture that a node shows: looked at in a tab of its own, saved, copied.
import { fileUrl } from "@/api/client";
import { activeGraph } from "@/commands/selection";
import { interfaceIn } from "@/model/interface";
import { outputOf, pictureIn } from "@/model/pictures";
import { copyPicture } from "@/store/clipboard";
import { prefixOf } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { downloadFile } from "@/store/files";
import type { MenuItem } from "@/store/view";

/** What the menu of a node offers for its picture; nothing where there is none. */
export function pictureItems(editor: Editor, name: string): MenuItem[] {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  const node = graph?.nodes[name];
  if (!one || !graph || !node) return [];
  const key = `${one.uid}/${prefixOf(one)}${name}`;
  const made = outputOf(editor.runs.nodes.get(key), editor.plans.nodes.get(key));
  const picture = pictureIn(node, interfaceIn(name, graph, one.document, editor.library.catalogue), made);
  if (!picture) return [];
  const { menu: t, says } = editor.t;
  const url = fileUrl(picture.folder, picture.name);
  const doing = (action: () => Promise<void>) => () => void action().catch((error: unknown) => editor.fail(error));
  return [
    { label: t.openPicture, run: () => void window.open(url, "_blank", "noopener") },
    { label: t.savePicture, run: doing(async () => downloadFile(await fetched(url), picture.name.split("/").at(-1)!)) },
    { label: t.copyPicture, run: doing(async () => copyPicture(editor, fetched(url)).then(() => void editor.view.say(says.pictureCopied, "good"))) },
    "line",
  ];
}

async function fetched(url: string): Promise<Blob> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.blob();
}
