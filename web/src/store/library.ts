// What the service has: node types, model files, workflows. Read at the start and again when asked.
import { createStore, type StoreApi } from "zustand/vanilla";
import { getFiles, getModelDirectories, getModelPictures, getModels, getNodes, getWorkflow, listWorkflows, modelPictureUrl, ServiceError } from "@/api/client";
import { catalogueOf, type Catalogue } from "@/model/catalogue";
import { FOLDER, type Published } from "@/model/published";

/** Where the picture beside a model is, null for one that has none. */
export type PictureOf = (name: string) => string | null;

export interface LibraryState {
  catalogue: Catalogue;
  models: Readonly<Record<string, readonly string[]>>;
  /** The directory on the service's disk that new files of a folder of models go to; empty until it was asked for. */
  directories: Readonly<Record<string, string>>;
  /** Where the pictures beside models are, by folder; one without any is left out. */
  pictures: Readonly<Record<string, PictureOf>>;
  /** What is in the other folders that inputs of nodes name files of: pictures and the like. Null until it is known. */
  files: Readonly<Record<string, readonly string[]>> | null;
  /** Subgraphs kept for other workflows. */
  published: readonly Published[];
  /** `locked`: the service asks for a token that is not known here. */
  state: "loading" | "ready" | "unreachable" | "locked";
}

/** More than these are not offered. */
const MOST_PUBLISHED = 200;

/** The names of the files of a folder; null where it is not known. */
export const filesOf = ({ models, files }: LibraryState) => (folder: string): readonly string[] | null => models[folder] ?? files?.[folder] ?? null;

export class Library {
  readonly store: StoreApi<LibraryState> = createStore(() => ({ catalogue: new Map(), models: {}, directories: {}, pictures: {}, files: null, published: [], state: "loading" }));

  get catalogue(): Catalogue {
    return this.store.getState().catalogue;
  }

  async load(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      const locked = error instanceof ServiceError && error.status === 401;
      if (locked || this.store.getState().state !== "ready") this.store.setState({ state: locked ? "locked" : "unreachable" });
    }
  }

  /** The service asks for a token that is not known here: it was started anew, say. */
  lock(): void {
    this.store.setState({ state: "locked" });
  }

  /** Resolves once it is known what is here. */
  async ready(): Promise<void> {
    if (this.store.getState().files) return;
    await new Promise<void>((done) => {
      const stop = this.store.subscribe(({ files }) => {
        if (!files) return;
        stop();
        done();
      });
    });
  }

  /** Nodes and files as they are now. Raises ServiceError. */
  async refresh(): Promise<void> {
    const [nodes, models] = await Promise.all([getNodes(), getModels()]);
    this.store.setState({ catalogue: catalogueOf(nodes), models, state: "ready" });
    void this.seePictures();
    await this.seeFiles();
    await this.refreshPublished();
  }

  async refreshPublished(): Promise<void> {
    const names = (await listWorkflows()).filter((name) => name.startsWith(FOLDER)).slice(0, MOST_PUBLISHED);
    const read = await Promise.allSettled(names.map(async (name) => ({ name, document: (await getWorkflow(name)).document })));
    this.store.setState({ published: read.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])) });
  }

  /** The names of files as they are now, after one was added. */
  async refreshModels(): Promise<void> {
    this.store.setState({ models: await getModels() });
    await this.seeFiles();
  }

  /** Where the folders of models are. Raises ServiceError. */
  async seeDirectories(): Promise<Readonly<Record<string, string>>> {
    const directories = Object.fromEntries((await getModelDirectories()).flatMap(({ name, folders }) => (folders[0] === undefined ? [] : [[name, folders[0]]])));
    this.store.setState({ directories });
    return directories;
  }

  private async seeFiles(): Promise<void> {
    this.store.setState({ files: await filesNamed(this.catalogue, this.store.getState().models) });
  }

  /** Nothing waits for these: to list them takes long where there are many, and all is complete without. */
  private async seePictures(): Promise<void> {
    const found = await getModelPictures().catch(() => ({}));
    this.store.setState({ pictures: Object.fromEntries(Object.entries(found).map(([folder, names]) => [folder, picturesIn(folder, names)])) });
  }
}

function picturesIn(folder: string, names: readonly string[]): PictureOf {
  const pictured = new Set(names);
  return (name) => (pictured.has(name) ? modelPictureUrl(folder, name) : null);
}

/** What is in the folders that inputs name files of and that hold no models. */
async function filesNamed(catalogue: Catalogue, models: LibraryState["models"]): Promise<NonNullable<LibraryState["files"]>> {
  const named = new Set<string>();
  for (const spec of catalogue.values()) for (const { widget } of spec.inputs) if (widget?.widget === "file" && !Object.hasOwn(models, widget.folder)) named.add(widget.folder);
  const found = await Promise.allSettled([...named].map(async (folder) => [folder, await getFiles(folder)] as const));
  return Object.fromEntries(found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
}
