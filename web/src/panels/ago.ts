// How long ago something was, in words.
import type { Messages } from "@/i18n/messages";

/** `then` is in seconds since 1970. */
export function ago(then: number, t: Messages["time"]): string {
  const seconds = Math.max(0, Date.now() / 1000 - then);
  if (seconds < 50) return t.now;
  if (seconds < 3600) return t.minutes(Math.round(seconds / 60));
  if (seconds < 86400) return t.hours(Math.round(seconds / 3600));
  return new Date(then * 1000).toLocaleDateString();
}
