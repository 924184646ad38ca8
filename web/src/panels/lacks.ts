// What the open workflow names and is not here, as it stands now.
import { useMemo } from "react";
import { useStore } from "zustand";
import { lacksOf, type Lack } from "@/model/missing";
import { useActive, useEditor } from "@/store/editor";
import { filesOf } from "@/store/library";

const NONE: readonly Lack[] = [];

export function useLacks(): readonly Lack[] {
  const { library } = useEditor();
  const document = useActive((one) => one?.document ?? null);
  const state = useStore(library.store);
  return useMemo(() => (document && state.state === "ready" ? lacksOf(document, state.catalogue, filesOf(state)) : NONE), [document, state]);
}
