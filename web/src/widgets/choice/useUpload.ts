// Taking a file of the user's into a folder of the service: dropped, pasted or picked.
import { useRef, useState, type ClipboardEvent, type DragEvent } from "react";
import { useMessages } from "@/i18n/messages";
import { useWidgetServices } from "@/widgets/contract";

export interface Upload {
  /** What has arrived of the file on its way, 0 to 1; null when there is none. */
  share: number | null;
  fault: string | null;
  over: boolean;
  take: (file: File) => Promise<void>;
  /** Handlers of what a file can be dropped on or pasted into. */
  target: {
    onDragOver: (event: DragEvent) => void;
    onDragLeave: (event: DragEvent) => void;
    onDrop: (event: DragEvent) => void;
    onPaste: (event: ClipboardEvent) => void;
  };
}

export function useUpload(folder: string, enabled: boolean, onTaken: (name: string) => void): Upload {
  const { widgets: t } = useMessages();
  const services = useWidgetServices();
  const [share, setShare] = useState<number | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [over, setOver] = useState(false);

  const latest = useRef(0);

  const take = async (file: File) => {
    if (!enabled) return;
    if (!file.type.startsWith("image/")) return setFault(t.noPicture(file.name));
    const number = ++latest.current;
    const isLatest = () => number === latest.current; // what was asked for last stays, whichever arrives last
    setFault(null);
    setShare(0);
    try {
      const name = await services.upload(file, nameOf(file), folder, (arrived) => isLatest() && setShare(arrived));
      if (isLatest()) onTaken(name);
    } catch (error) {
      if (isLatest()) setFault(t.notKept(file.name, error instanceof Error ? error.message : String(error)));
    } finally {
      if (isLatest()) setShare(null);
    }
  };
  return {
    share,
    fault,
    over,
    take,
    target: {
      onDragOver(event) {
        if (!enabled || !event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        event.stopPropagation();
        event.dataTransfer.dropEffect = "copy";
        setOver(true);
      },
      onDragLeave(event) {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      },
      onDrop(event) {
        setOver(false);
        const file = pictureIn(event.dataTransfer.files) ?? event.dataTransfer.files[0];
        if (!enabled || !file) return;
        event.preventDefault();
        event.stopPropagation();
        void take(file);
      },
      onPaste(event) {
        const file = pictureIn(event.clipboardData.files);
        if (!enabled || !file) return;
        event.preventDefault();
        event.stopPropagation();
        void take(file);
      },
    },
  };
}

function pictureIn(files: FileList): File | undefined {
  return [...files].find((file) => file.type.startsWith("image/"));
}

/** Pasted pictures are all called image.png: give them names that can be told apart. */
function nameOf(file: File): string {
  if (file.name && file.name !== "image.png") return file.name;
  const now = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `pasted-${now}.${file.type.slice(file.type.indexOf("/") + 1) || "png"}`;
}
