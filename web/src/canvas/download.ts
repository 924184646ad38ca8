// The graph that is looked at as a picture file: a drawing, or its pixels with the workflow in them, so that the picture can be dropped
// on the editor again.
import { drawn, type Drawing, type Look } from "@/canvas/drawing";
import { Projection } from "@/canvas/project";
import { graphAt } from "@/model/document";
import { DENSITIES } from "@/model/geometry";
import { writeJson } from "@/model/json";
import { withText } from "@/model/png";
import { scopeOf } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { downloadFile, titleOf } from "@/store/files";

/** Twice as many pixels as on the canvas, less where a browser would not make as many. */
const SHARP = 2;
const LONGEST = 8192;
const MOST_PIXELS = 32e6;
/** Where files of ours keep the workflow (graph/comfyui/metadata.py). */
const KEYWORD = "latentgraph";

export async function downloadPicture(editor: Editor, form: "svg" | "png"): Promise<void> {
  const one = editor.documents.active;
  const drawing = one && draw(editor);
  if (!one || !drawing) {
    editor.view.say(editor.t.files.nothingToDraw);
    return;
  }
  const name = `${titleOf(one) || "workflow"}.${form}`;
  if (form === "svg") downloadFile(new Blob([drawing.svg], { type: "image/svg+xml" }), name);
  else downloadFile(new Blob([withText(await pixels(drawing), KEYWORD, writeJson(one.document))], { type: "image/png" }), name);
}

function draw(editor: Editor): Drawing | null {
  const one = editor.documents.active!;
  const scope = scopeOf(one);
  const graph = graphAt(one.document, scope);
  const { catalogue } = editor.library;
  const { density, links } = editor.settings.getState();
  const projection = new Projection();
  const metrics = DENSITIES[density];
  const nodes = projection.cards({ graph, document: one.document, scope, catalogue, metrics, ends: editor.t.canvas.ends }, new Set(), new Map());
  const edges = projection.links(graph, one.document, scope, catalogue, new Map(), projection.hidden(graph, one.document, catalogue, metrics));
  return drawn(nodes, edges, links, lookOfPage());
}

/** The theme's colours as pixels have them: not every program knows those that a style sheet may use. */
function lookOfPage(): Look {
  const style = getComputedStyle(document.documentElement);
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  const known = new Map<string, string>();
  return (variable) => {
    let found = known.get(variable);
    if (found === undefined) {
      context.fillStyle = style.getPropertyValue(variable);
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
      known.set(variable, (found = `#${[red!, green!, blue!].map((one) => one.toString(16).padStart(2, "0")).join("")}`));
    }
    return found;
  };
}

async function pixels({ svg, width, height }: Drawing): Promise<Uint8Array> {
  const scale = Math.min(SHARP, LONGEST / Math.max(width, height), Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    await picture.decode();
    canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  } finally {
    URL.revokeObjectURL(picture.src);
  }
  const made = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!made) throw new Error(`a picture of ${canvas.width} x ${canvas.height} pixels could not be made`);
  return new Uint8Array(await made.arrayBuffer());
}
