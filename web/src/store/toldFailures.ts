// The runs that failed and of which a message told already, kept in this browser: what they told is read again after a reload, and a
// failure is told once.

const KEY = "latentgraph.told-failures";
const KEPT = 200;

type Kept = Pick<Storage, "getItem" | "setItem">;

/** Whether the failure of this job is told for the first time. From now on it is not. */
export function isFirstTold(job: string, storage: Kept = localStorage): boolean {
  const told = known(storage);
  if (told.includes(job)) return false;
  try {
    storage.setItem(KEY, JSON.stringify([job, ...told].slice(0, KEPT)));
  } catch {
    // A full or forbidden storage costs a message too many, nothing else.
  }
  return true;
}

function known(storage: Kept): string[] {
  try {
    const told: unknown = JSON.parse(storage.getItem(KEY) ?? "[]");
    return Array.isArray(told) ? told.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}
