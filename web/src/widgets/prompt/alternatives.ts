// Words that a prompt leaves open, `a {red|blue} fox`: the signs of alternatives. The same rules as the service's, which draws one by
// the workflow's seeds (graph/alternatives.py): braces without a bar are braces, and `\{`, `\|`, `\}` are plain. Pure.

/** The places of the braces and bars of all alternatives, in order. */
export function alternativesIn(text: string): number[] {
  const found: number[] = [];
  const open: number[][] = [];
  for (const { 0: sign, index } of text.matchAll(/\\[{|}]|[{|}]/g)) {
    if (sign === "{") open.push([index]);
    else if (sign === "|") open.at(-1)?.push(index);
    else if (sign === "}") {
      const group = open.pop();
      if (group && group.length > 1) found.push(...group, index);
    }
  }
  return found.sort((one, other) => one - other);
}
