// What tells jobs of one workflow apart in the queue. Their workflows are asked for once each, with all that was set and drawn for them.
import { useEffect, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { getJobWorkflow, type Job } from "@/api/client";
import { differencesOf } from "@/model/differences";
import type { Document } from "@/model/document";
import { useEditor } from "@/store/editor";

/** More jobs than these are not compared: those that come first are looked at. */
const MOST = 30;

/** By job, in words; of one that is alone, or the same as all others, nothing. */
export function useDifferences(jobs: readonly Job[]): ReadonlyMap<string, string> {
  const editor = useEditor();
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const groups = useMemo(() => groupsOf(jobs), [jobs]);
  const documents = useDocuments(groups.flat());
  return useMemo(() => {
    const known = groups.map((ids) => ids.filter((id) => documents.has(id)));
    return new Map(
      known.flatMap((ids) => {
        const told = differencesOf(ids.map((id) => documents.get(id)!), catalogue);
        return ids.map((id, index) => [id, told[index]!.map(([label, value]) => `${label} ${value}`).join("  ·  ")] as const);
      }),
    );
  }, [groups, documents, catalogue]);
}

/** The jobs of each workflow of which there are several. */
function groupsOf(jobs: readonly Job[]): string[][] {
  const groups = new Map<string | null, string[]>();
  for (const { name, id } of jobs.slice(0, MOST)) groups.set(name, [...(groups.get(name) ?? []), id]);
  return [...groups.values()].filter((ids) => ids.length > 1);
}

function useDocuments(wanted: readonly string[]): ReadonlyMap<string, Document> {
  const [documents, setDocuments] = useState<ReadonlyMap<string, Document>>(() => new Map());
  const asked = useRef<ReadonlySet<string>>(new Set());
  const key = wanted.join();
  useEffect(() => {
    const ids = new Set(key.split(",").filter((id) => id !== ""));
    const missing = [...ids].filter((id) => !asked.current.has(id));
    asked.current = ids;
    if (missing.length === 0) return;
    void Promise.allSettled(missing.map(async (id) => [id, await getJobWorkflow(id)] as const)).then((read) => {
      const found = read.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])); // one that is gone is compared with none
      setDocuments((before) => new Map([...before, ...found].filter(([id]) => asked.current.has(id))));
    });
  }, [key]);
  return documents;
}
