// What the service has: node types, model files, workflows. Read at the start and again when asked.
import { createStore, type StoreApi } from "zustand/vanilla";
import { getModels, getNodes } from "@/api/client";
import { catalogueOf, type Catalogue } from "@/model/catalogue";

export interface LibraryState {
  catalogue: Catalogue;
  models: Readonly<Record<string, readonly string[]>>;
  state: "loading" | "ready" | "unreachable";
}

export class Library {
  readonly store: StoreApi<LibraryState> = createStore(() => ({ catalogue: new Map(), models: {}, state: "loading" }));

  get catalogue(): Catalogue {
    return this.store.getState().catalogue;
  }

  async load(): Promise<void> {
    try {
      const [nodes, models] = await Promise.all([getNodes(), getModels()]);
      this.store.setState({ catalogue: catalogueOf(nodes), models, state: "ready" });
    } catch {
      if (this.store.getState().state !== "ready") this.store.setState({ state: "unreachable" });
    }
  }

  async refreshModels(): Promise<void> {
    this.store.setState({ models: await getModels() });
  }
}
