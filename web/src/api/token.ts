// The token of a service that asks for one: brought by the address (`#token=`) or typed, kept for this window alone.

const KEY = "latentgraph.token";

export const token = (): string | null => sessionStorage.getItem(KEY);

export function keepToken(value: string): void {
  sessionStorage.setItem(KEY, value.trim());
}

/** Take the token out of the address, so that it stays in no history and no bookmark. */
export function takeTokenFromAddress(): string | null {
  const asked = new URLSearchParams(window.location.hash.slice(1));
  const given = asked.get("token");
  if (given === null) return null;
  keepToken(given);
  asked.delete("token");
  const rest = asked.toString();
  window.history.replaceState(null, "", window.location.pathname + window.location.search + (rest ? `#${rest}` : ""));
  return given;
}

/** An address that the browser itself fetches, as of a picture: such requests can carry no header. */
export function withToken(path: string): string {
  const given = token();
  return given === null ? path : `${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(given)}`;
}
