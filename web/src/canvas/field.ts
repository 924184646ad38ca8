// What a field shows and where an edit of it goes: to its node, or, where its subgraph offers it to the outside, to the instance that one
// came in through, whose value is what runs.
import { useCanvasPlace } from "@/canvas/place";
import type { InputSpec } from "@/model/catalogue";
import { graphAt, type GraphNode, type Scope } from "@/model/document";
import { setInput } from "@/model/edit";
import { titleIn } from "@/model/naming";
import { inputOutside, setOutside } from "@/model/outside";
import { isPromoted } from "@/model/subgraph";
import { useActive, useEditor } from "@/store/editor";
import { useMessages } from "@/i18n/messages";
import type { Input } from "@/generated/workflow";
import { scopeOf } from "@/store/documents";
import type { ChangeKind } from "@/widgets/contract";

export interface Field {
  given: Input | undefined;
  /** What it starts from. */
  initial: InputSpec["default"];
  /** Where what it is linked to is. */
  scope: Scope;
  /** What the instance is called that sets it; null for a field that is set where it is. */
  outside: string | null;
  change: (value: unknown, kind?: ChangeKind) => void;
}

export function useField(id: string, node: GraphNode, input: InputSpec): Field {
  const { documents, library } = useEditor();
  const { edits } = useMessages();
  const { scope, uid } = useCanvasPlace();
  const to = { node: id, input: input.name };
  const open = useActive((one) => (one?.uid === uid && scope !== "" && scope === scopeOf(one) && isPromoted(graphAt(one.document, scope), to) ? one : null));
  const outside = open && setOutside(open.document, open.trail.map(({ instance }) => instance), to);
  const at = outside ?? { ...to, scope, given: node.inputs?.[input.name] };
  const { catalogue } = library;
  return {
    given: at.given,
    scope: at.scope,
    initial: outside && open ? (inputOutside(outside, open.document, catalogue)?.default ?? input.default) : input.default,
    outside: outside && open ? titleIn(graphAt(open.document, at.scope), at.node, open.document, catalogue) : null,
    change: (value, kind) => {
      documents.editAt({ uid, scope: at.scope }, edits.change(at.input), (graph) => setInput(graph, at.node, at.input, value), `${at.scope}/${at.node}.${at.input}`);
      if (kind !== "live") documents.settle();
    },
  };
}
