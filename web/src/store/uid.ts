// Names that no other window makes. `crypto.randomUUID` would do, but browsers have it on pages of https and of this machine alone.

export function newUid(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
