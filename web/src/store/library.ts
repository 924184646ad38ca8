// What the service has: node types, model files, workflows. Read at the start and again when asked.
import { createStore, type StoreApi } from "zustand/vanilla";
import { getFiles, getModelPictures, getModels, getNodes, getWorkflow, listWorkflows, modelPictureUrl, ServiceError } from "@/api/client";
import { catalogueOf, type Catalogue } from "@/model/catalogue";
import { FOLDER, type Published } from "@/model/published";

export interface LibraryState {
  catalogue: Catalogue;
  models: Readonly<Record<string, readonly string[]>>;
  /** The models that have a picture beside them, by folder. */
  pictured: Readonly<Record<string, ReadonlySet<string>>>;
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

/** Where the picture of each model of a folder is, null for one that has none; null where no model of it has one. */
export function modelPictures({ pictured }: LibraryState, folder: string): ((name: string) => string | null) | null {
  const names = pictured[folder];
  return names ? (name) => (names.has(name) ? modelPictureUrl(folder, name) : null) : null;
}

export class Library {
  readonly store: StoreApi<LibraryState> = createStore(() => ({ catalogue: new Map(), models: {}, pictured: {}, files: null, published: [], state: "loading" }));

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
    await this.seeFiles();
    await this.refreshPublished();
  }

  async refreshPublished(): Promise<void> {
    const names = (await listWorkflows()).filter((name) => name.startsWith(FOLDER)).slice(0, MOST_PUBLISHED);
    const read = await Promise.allSettled(names.map(async (name) => ({ name, document: (await getWorkflow(name)).document })));
    this.store.setState({ published: read.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])) });
  }

  async refreshModels(): Promise<void> {
    this.store.setState({ models: await getModels() });
    await this.seeFiles();
  }

  private async seeFiles(): Promise<void> {
    const [files, pictured] = await Promise.all([filesNamed(this.catalogue, this.store.getState().models), picturedNow()]);
    this.store.setState({ files, pictured });
  }
}

/** Lists are complete without pictures: where it cannot be told which there are, none are shown. */
async function picturedNow(): Promise<LibraryState["pictured"]> {
  try {
    const found = await getModelPictures();
    return Object.fromEntries(Object.entries(found).map(([folder, names]) => [folder, new Set(names)]));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return {};
  }
}

/** What is in the folders that inputs name files of and that hold no models. */
async function filesNamed(catalogue: Catalogue, models: LibraryState["models"]): Promise<NonNullable<LibraryState["files"]>> {
  const named = new Set<string>();
  for (const spec of catalogue.values()) for (const { widget } of spec.inputs) if (widget?.widget === "file" && !Object.hasOwn(models, widget.folder)) named.add(widget.folder);
  const found = await Promise.allSettled([...named].map(async (folder) => [folder, await getFiles(folder)] as const));
  return Object.fromEntries(found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
}
