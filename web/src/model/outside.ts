// Where a field is set that a subgraph offers to the outside: at the instance through which one came in, or further out still.
import type { Catalogue, InputSpec } from "@/model/catalogue";
import { graphAt, parameterOf, SUBGRAPH, type Document, type Scope } from "@/model/document";
import type { Input } from "@/generated/workflow";
import type { Target } from "@/model/connect";
import { interfaceIn } from "@/model/interface";

/** An instance, in whose graph and input a value is set. */
export interface SetOutside extends Target {
  scope: Scope;
  given: Input | undefined;
}

/** `trail`: the instances one came in through, the outermost first. Null for a field that is set where it is. */
export function setOutside(document: Document, trail: readonly string[], to: Target): SetOutside | null {
  const scopes = scopesOn(document, trail);
  let at: SetOutside | null = null;
  let inner: Target = to;
  for (let depth = trail.length; depth > 0; depth--) {
    const parameter = parameterOf(graphAt(document, scopes[depth]!), inner);
    if (!parameter) break;
    const [node, scope] = [trail[depth - 1]!, scopes[depth - 1]!];
    inner = { node, input: parameter.name };
    at = { ...inner, scope, given: graphAt(document, scope).nodes[node]?.inputs?.[parameter.name] };
  }
  return at;
}

/** What the instance declares of it. */
export function inputOutside({ scope, node, input }: SetOutside, document: Document, catalogue: Catalogue): InputSpec | undefined {
  return interfaceIn(node, graphAt(document, scope), document, catalogue).inputs.find((one) => one.name === input);
}

function scopesOn(document: Document, trail: readonly string[]): Scope[] {
  const scopes: Scope[] = [""];
  for (const instance of trail) {
    const type = graphAt(document, scopes.at(-1)!).nodes[instance]?.type ?? "";
    scopes.push(type.slice(SUBGRAPH.length));
  }
  return scopes;
}
