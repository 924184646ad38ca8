// Where the files are to be had that a workflow of ComfyUI names, as it says itself: addresses for a person to look at. Nothing here is
// ever fetched.
import { graphAt, type Document, type Graph } from "@/model/document";
import { fieldsOf } from "@/model/json";

export interface Origin {
  /** The file that is to be had there. */
  name: string;
  url: string;
}

/** What the workflow says of a file, whatever folders its name has; null where it says nothing, or nothing that a browser may open. */
export function originOf(file: string, document: Document): Origin | null {
  const wanted = baseName(file);
  return originsIn(document).find((one) => baseName(one.name) === wanted) ?? null;
}

function originsIn(document: Document): Origin[] {
  const graphs: Graph[] = ["", ...Object.keys(document.subgraphs ?? {})].map((scope) => graphAt(document, scope));
  const ofNodes = graphs.flatMap(({ nodes }) => Object.values(nodes).map(({ ui }) => fieldsOf(fieldsOf(ui?.["comfyui"])["properties"])["models"]));
  const ofFile = graphs.map(({ ui }) => fieldsOf(ui?.["comfyui"])["models"]);
  return [...ofNodes, ...ofFile].flatMap((listed) => (Array.isArray(listed) ? (listed as unknown[]) : []).flatMap(readOrigin));
}

function readOrigin(one: unknown): Origin[] {
  const { name, url } = fieldsOf(one);
  return typeof name === "string" && typeof url === "string" && isOfTheWeb(url) ? [{ name, url }] : [];
}

function isOfTheWeb(url: string): boolean {
  return URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
}

const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
