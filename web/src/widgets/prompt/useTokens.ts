// How a prompt is dealt into tokens, as the service counts them; nothing where it does not. Asked for only while somebody looks: a
// graph may have hundreds of prompts.
import { useEffect, useState } from "react";
import { useWidgetServices, type TokenCount } from "@/widgets/contract";

const PAUSE = 250;

export function useTokens(text: string, wanted: boolean): TokenCount | null {
  const { tokens } = useWidgetServices();
  const [count, setCount] = useState<{ text: string; count: TokenCount | null } | null>(null);
  useEffect(() => {
    if (!tokens || !wanted) return;
    const control = new AbortController();
    const timer = window.setTimeout(() => {
      tokens(text, control.signal)
        .then((found) => !control.signal.aborted && setCount({ text, count: found }))
        .catch(() => !control.signal.aborted && setCount(null)); // a count is a convenience: without it the field only lacks one
    }, PAUSE);
    return () => {
      window.clearTimeout(timer);
      control.abort();
    };
  }, [text, tokens, wanted]);
  return tokens && (wanted || count?.text === text) ? (count?.count ?? null) : null;
}

/** "23/75": tokens, and how many there is room for in the chunks that they take. */
export function countWords({ room, chunks }: TokenCount): string {
  const all = chunks.reduce((sum, chunk) => sum + chunk.tokens, 0);
  return chunks.length > 1 ? `${all}/${room * chunks.length}` : `${all}/${room}`;
}
