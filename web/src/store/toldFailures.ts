// The runs that failed and of which a message told already, kept in this browser: what they told is read again after a reload, and a
// failure is told once.
import { type Memory, remember, remembered } from "@/model/remembered";

const KEY = "latentgraph.told-failures";
const KEPT = 200;

/** Whether the failure of this job is told for the first time. From now on it is not. */
export function isFirstTold(job: string, storage: Memory = localStorage): boolean {
  const told = known(storage);
  if (told.includes(job)) return false;
  remember(KEY, [job, ...told].slice(0, KEPT), storage);
  return true;
}

function known(storage: Memory): string[] {
  const told = remembered(KEY, storage);
  return Array.isArray(told) ? told.filter((one) => typeof one === "string") : [];
}
