// Finding a node by a few letters. Where a link waits for one, only those that it fits, linked at once.
import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { Search } from "lucide-react";
import { useMessages, type Messages } from "@/i18n/messages";
import { place, used } from "@/commands/placing";
import { activeGraph } from "@/commands/selection";
import { interfaceIn, outputType } from "@/model/interface";
import { typeColour } from "@/model/ports";
import type { NodeSpec } from "@/model/catalogue";
import { SUBGRAPH } from "@/model/document";
import { offered, THING } from "@/model/offered";
import { PUBLISHED } from "@/model/published";
import { search, type Wanted } from "@/model/search";
import { scopeOf } from "@/store/documents";
import { useActive, useEditor, type Editor } from "@/store/editor";
import type { PaletteRequest } from "@/store/view";
import styles from "@/panels/panels.module.css";

export function NodePalette({ request }: { request: PaletteRequest }) {
  const editor = useEditor();
  const { palette: t } = useMessages();
  const types = useStore(editor.library.store, (state) => state.catalogue);
  const kept = useStore(editor.library.store, (state) => state.published);
  const document = useActive((one) => one?.document ?? null);
  const scope = useActive((one) => (one ? scopeOf(one) : ""));
  const catalogue = useMemo(() => (document ? offered(types, kept, document, scope, t.things) : types), [types, kept, document, scope, t]);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const wanted = useMemo(() => wantedBy(editor, request), [editor, request]);
  const deferred = useDeferredValue(text);
  const found = useMemo(() => search(deferred, catalogue, wanted, used()), [deferred, catalogue, wanted]);
  const chosen = found[Math.min(at, found.length - 1)]?.spec;
  const close = () => editor.view.set({ palette: null });

  useLayoutEffect(() => {
    const element = box.current!;
    const size = element.getBoundingClientRect();
    element.style.left = `${Math.max(8, Math.min(request.at.x - 12, window.innerWidth - size.width - 8))}px`;
    element.style.top = `${Math.max(52, Math.min(request.at.y - 12, window.innerHeight - size.height - 8))}px`;
  }, [request]);
  useEffect(() => {
    box.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at, found]);
  useEffect(() => {
    const away = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) editor.view.set({ palette: null });
    };
    window.addEventListener("pointerdown", away, true);
    return () => window.removeEventListener("pointerdown", away, true);
  }, [editor]);

  /** Who types fast is ahead of the list: what is chosen goes by what is written. */
  const enter = () => {
    const first = deferred === text ? chosen : search(text, catalogue, wanted, used())[0]?.spec;
    if (first) choose(first.type);
  };
  const choose = (type: string) => {
    close();
    place(editor, request, type);
    editor.canvas?.focus();
  };
  return (
    <div ref={box} className={styles.palette} role="dialog" aria-label={t.addNode} data-testid="palette">
      <div className={styles.paletteSearch}>
        <Search size={14} aria-hidden />
        <input
          autoFocus
          aria-label={t.findNode}
          role="combobox"
          aria-expanded
          aria-controls="palette-list"
          aria-activedescendant={chosen ? `palette-${chosen.type}` : undefined}
          placeholder={wanted.takes ? t.whatTakes(wanted.takes) : wanted.gives ? t.whatGives(wanted.gives) : t.findNode}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") setAt((now) => Math.min(now + 1, found.length - 1));
            else if (event.key === "ArrowUp") setAt((now) => Math.max(now - 1, 0));
            else if (event.key === "Enter") enter();
            else if (event.key === "Escape") {
              close();
              editor.canvas?.focus();
            } else return;
            event.preventDefault();
          }}
        />
      </div>
      <div className={styles.paletteBody}>
        <div id="palette-list" role="listbox" aria-label={t.nodes} className={styles.paletteList}>
          {found.map(({ spec }, index) => (
            <button key={spec.type} id={`palette-${spec.type}`} type="button" role="option" tabIndex={-1} aria-selected={spec === chosen} className={styles.paletteItem} onPointerMove={() => index !== at && setAt(index)} onClick={() => choose(spec.type)}>
              <span className={styles.swatch} style={{ background: typeColour(spec.outputs[0]?.type ?? spec.inputs[0]?.type ?? "*") }} />
              <span className={styles.paletteTitle}>{spec.display_name || spec.type}</span>
              <span className={styles.faint}>{spec.category.split("/").at(-1)}</span>
            </button>
          ))}
          {found.length === 0 && <p className={styles.empty}>{wanted.takes || wanted.gives ? t.nothingFits : t.nothing}</p>}
        </div>
        {chosen && (
          <div className={styles.paletteAbout}>
            <strong>{chosen.display_name || chosen.type}</strong>
            <span className={styles.mono}>{kindOf(chosen, t)}</span>
            {packOf(chosen) && <span className={styles.faint}>{t.pack(packOf(chosen)!)}</span>}
            <p>{chosen.description.split("\n\n")[0]}</p>
            <Ports label={t.takes} of={chosen.inputs.filter((one) => !one.widget)} />
            <Ports label={t.gives} of={chosen.outputs} />
          </div>
        )}
      </div>
    </div>
  );
}

function Ports({ label, of }: { label: string; of: readonly { name: string; type: string }[] }) {
  if (of.length === 0) return null;
  return (
    <p className={styles.ports}>
      <span className={styles.faint}>{label}</span>
      {of.map((one) => (
        <span key={one.name} style={{ color: typeColour(one.type) }}>
          {one.name}
        </span>
      ))}
    </p>
  );
}

/** What is chosen: a type, or in words what is none; nothing of what its description tells whole. */
function kindOf({ type }: NodeSpec, t: Messages["palette"]): string {
  if (type.startsWith(THING)) return "";
  if (type.startsWith(SUBGRAPH)) return t.subgraphHere;
  return type.startsWith(PUBLISHED) ? t.ownSubgraph : type;
}

/** What a node comes from, if not from the service itself. */
function packOf({ module }: NodeSpec): string | null {
  return module === "" || module.startsWith("nodes.") ? null : (module.split(".")[0] ?? null);
}

function wantedBy(editor: Editor, { from, to }: PaletteRequest): Wanted {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  if (!one || !graph) return {};
  const { catalogue } = editor.library;
  if (from) return { takes: outputType(from, graph, one.document, catalogue) };
  const type = to && interfaceIn(to.node, graph, one.document, catalogue).inputs.find((input) => input.name === to.input)?.type;
  return type ? { gives: type } : {};
}
