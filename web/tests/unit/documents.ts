// What unit tests share: the service's own catalogue, and small documents.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { catalogueOf, type Catalogue, type NodeSpec } from "@/model/catalogue";
import type { Scene } from "@/canvas/project";
import { en } from "@/i18n/en";
import type { Document, Graph, GraphNode } from "@/model/document";
import { DENSITIES } from "@/model/geometry";

const file = (path: string) => join(import.meta.dirname, "../../..", path);

export const catalogue: Catalogue = catalogueOf(JSON.parse(readFileSync(file("nodes/catalogue.json"), "utf8")) as NodeSpec[]);

export const template = (name: string): Document => JSON.parse(readFileSync(file(`workflows/${name}.json`), "utf8")) as Document;

export const documentOf = (nodes: Record<string, GraphNode>, more: Partial<Document> = {}): Document => ({ format: "latentgraph/1", nodes, ...more });

/** A document, or another graph of it, as the canvas shows it at first. */
export const sceneOf = (document: Document, graph: Graph = document): Scene => ({ graph, document, scope: "", catalogue, metrics: DENSITIES.compact, ends: en.canvas.ends });
