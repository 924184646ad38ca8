// What the service has: node types, model files, workflows. Read at the start and again when asked.
import { createStore, type StoreApi } from "zustand/vanilla";
import { getFiles, getModels, getNodes, ServiceError } from "@/api/client";
import { catalogueOf, type Catalogue } from "@/model/catalogue";

export interface LibraryState {
  catalogue: Catalogue;
  models: Readonly<Record<string, readonly string[]>>;
  /** What is in the other folders that inputs of nodes name files of: pictures and the like. */
  files: Readonly<Record<string, readonly string[]>>;
  /** `locked`: the service asks for a token that is not known here. */
  state: "loading" | "ready" | "unreachable" | "locked";
}

export class Library {
  readonly store: StoreApi<LibraryState> = createStore(() => ({ catalogue: new Map(), models: {}, files: {}, state: "loading" }));

  get catalogue(): Catalogue {
    return this.store.getState().catalogue;
  }

  async load(): Promise<void> {
    try {
      const [nodes, models] = await Promise.all([getNodes(), getModels()]);
      this.store.setState({ catalogue: catalogueOf(nodes), models, state: "ready" });
      await this.refreshFiles();
    } catch (error) {
      const locked = error instanceof ServiceError && error.status === 401;
      if (locked || this.store.getState().state !== "ready") this.store.setState({ state: locked ? "locked" : "unreachable" });
    }
  }

  async refreshModels(): Promise<void> {
    this.store.setState({ models: await getModels() });
    await this.refreshFiles();
  }

  private async refreshFiles(): Promise<void> {
    const { catalogue, models } = this.store.getState();
    const named = new Set<string>();
    for (const spec of catalogue.values()) for (const { widget } of spec.inputs) if (widget?.widget === "file" && !Object.hasOwn(models, widget.folder)) named.add(widget.folder);
    const found = await Promise.all([...named].map(async (folder) => [folder, await getFiles(folder).catch(() => [])] as const));
    this.store.setState({ files: Object.fromEntries(found) });
  }
}
