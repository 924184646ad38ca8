// The picture that is looked at in full, with what the service knows of how it was made.
import { readFile } from "@/api/client";
import { factsOf } from "@/model/facts";
import { onDemand } from "@/panels/onDemand";
import { useEditor } from "@/store/editor";
import { openFiles } from "@/store/files";
import type { ShownPicture } from "@/widgets/picture/PictureViewer";

const PictureViewer = onDemand(async () => ({ default: (await import("@/widgets/picture/PictureViewer")).PictureViewer }));

interface ViewerProps {
  picture: ShownPicture;
  /** What it is one of. */
  among?: readonly ShownPicture[];
}

export function Viewer({ picture, among }: ViewerProps) {
  const editor = useEditor();
  const pictures = among?.some((one) => one.url === picture.url) ? among : [picture];
  const close = () => editor.view.set({ picture: null });
  return (
    <PictureViewer
      pictures={pictures}
      index={pictures.findIndex((one) => one.url === picture.url)}
      onIndex={(index) => editor.view.set({ picture: { ...pictures[index]!, among: pictures } })}
      onClose={close}
      facts={async (one) => {
        const { document } = await readFile(await fileAt(one));
        const sections = factsOf(document, editor.library.catalogue);
        return sections.length > 0 ? { sections } : null;
      }}
      onOpenWorkflow={(one) => {
        close();
        void fileAt(one).then((file) => openFiles(editor, [file], null), (error: unknown) => editor.fail(error));
      }}
    />
  );
}

async function fileAt({ url, name }: ShownPicture): Promise<File> {
  const content = await (await fetch(url)).blob();
  return new File([content], name.slice(name.lastIndexOf("/") + 1), { type: content.type });
}
