// What the browser shows of the page: the title and the icon tell how far the run is.
import { ENDED, progressOf } from "@/model/runs";
import type { Editor } from "@/store/editor";
import { titleOf } from "@/store/files";

const NAME = "latentgraph";
const SIZE = 32;

/** Follow the runs of all open documents. Returns a function that stops. */
export function followOnPage(editor: Editor): () => void {
  let shown = "";
  const put = () => {
    const one = editor.documents.active;
    const { running } = editor.runs.store.getState();
    const going = Object.values(running).filter((job) => !ENDED.has(job.state));
    const share = going.length > 0 ? Math.max(...going.map(progressOf)) : null;
    const title = one ? titleOf(one) || editor.t.shell.untitled : "";
    const percent = share === null ? "" : `${Math.floor(share * 20) * 5}% `;
    const words = `${percent}${title ? `${title} · ` : ""}${NAME}`;
    if (words === shown) return;
    shown = words;
    document.title = words;
    putIcon(share === null ? null : Math.floor(share * 20) / 20);
  };
  put();
  const stops = [editor.runs.store.subscribe(put), editor.documents.store.subscribe(put), editor.language.store.subscribe(put)];
  return () => stops.forEach((stop) => stop());
}

/** The icon: a ring that fills while something runs. */
function putIcon(share: number | null): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (!link) return;
  if (share === null) {
    link.href = "./favicon.svg";
    return;
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d");
  if (!context) return;
  const ring = (from: number, to: number, colour: string) => {
    context.beginPath();
    context.arc(SIZE / 2, SIZE / 2, 12, from, to);
    context.lineWidth = 6;
    context.strokeStyle = colour;
    context.stroke();
  };
  ring(0, Math.PI * 2, "#3a3d45");
  ring(-Math.PI / 2, -Math.PI / 2 + share * Math.PI * 2, "#7aa7ff");
  link.href = canvas.toDataURL();
}
