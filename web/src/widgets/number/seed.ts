// Seeds. "random" is a value of its own: the service draws a number for it at every run and tells which.
import type { NumberSchema } from "@/model/catalogue";
import { bounds } from "@/widgets/number/number";

export type Seed = number | bigint | "random";

/** A seed drawn now, among the whole numbers that the schema allows and JSON keeps exact. */
export function drawSeed(schema: NumberSchema, bits: () => Uint32Array = cryptoBits): number {
  const { minimum, maximum } = bounds(schema);
  const low = Math.max(minimum, 0);
  const [high = 0, rest = 0] = bits();
  const drawn = (high & 0x1fffff) * 2 ** 32 + rest;
  const room = maximum - low + 1;
  return Number.isSafeInteger(room) ? low + (drawn % room) : low + Math.min(drawn, maximum - low);
}

function cryptoBits(): Uint32Array {
  return crypto.getRandomValues(new Uint32Array(2));
}

/** The seed of the last run as a value to keep, exact however long it is; null where there is none. */
export function keepable(last: number | bigint | string | undefined): number | bigint | null {
  if (last === undefined || !/^\d+$/.test(String(last))) return null;
  const number = Number(last);
  return Number.isSafeInteger(number) ? number : BigInt(last);
}
