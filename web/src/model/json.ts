// JSON without loss: whole numbers beyond 2^53 (seeds have up to 64 bits) are read as `bigint` and written as they were. A browser
// that cannot do this reads them as it always did.

type WithSource = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;
const raw = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;

export function readJson(text: string): unknown {
  if (!raw || !/\d{16,}/.test(text)) return JSON.parse(text);
  const exact: WithSource = (_key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
  return JSON.parse(text, exact as Parameters<typeof JSON.parse>[1]);
}

export function writeJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, null, indent); // several times faster, and throws where there is a `bigint`
  } catch {
    return writeExactly(value, indent);
  }
}

function writeExactly(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === "bigint" ? (raw ? raw(one.toString()) : Number(one)) : one), indent);
}

/** The fields of what may be anything; of what has none, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
