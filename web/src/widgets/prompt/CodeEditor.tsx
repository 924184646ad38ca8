// The prompt editor: CodeMirror with the grammar of prompts. Loaded apart from the rest.
import { useEffect, useLayoutEffect, useRef } from "react";
import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { Compartment, EditorState, Prec, type Extension, type StateCommand } from "@codemirror/state";
import { Decoration, EditorView, keymap, placeholder, showTooltip, tooltips, ViewPlugin, WidgetType, type DecorationSet, type ViewUpdate } from "@codemirror/view";
import { knows, offersFor, type Known } from "@/widgets/prompt/completion";
import { marksOf } from "@/widgets/prompt/grammar";
import type { PromptEditorProps } from "@/widgets/prompt/PromptField";
import { reweigh, WEIGHT_STEP } from "@/widgets/prompt/weight";
import styles from "@/widgets/prompt/prompt.module.css";

export function CodeEditor(props: PromptEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });

  // At once with the page, so that a key pressed while this takes the place of what was there finds one or the other.
  useLayoutEffect(() => {
    const { value, start } = latest.current;
    const made = new EditorView({
      parent: host.current!,
      state: EditorState.create({ doc: value, selection: { anchor: start.selection?.[0] ?? value.length, head: start.selection?.[1] ?? value.length }, extensions: extensions(latest) }),
    });
    view.current = made;
    made.focus();
    // The text is where it was at rest, so a point pressed there is the same place here.
    if (start.point && !start.selection) {
      const at = made.posAtCoords(start.point, false);
      made.dispatch({ selection: { anchor: at } });
    }
    made.dispatch({ effects: EditorView.scrollIntoView(made.state.selection.main) });
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);

  // The value may change from outside, by undo in the graph for one.
  useEffect(() => {
    const now = view.current?.state.doc.toString();
    if (view.current && now !== props.value) view.current.dispatch({ changes: { from: 0, to: now?.length ?? 0, insert: props.value } });
  }, [props.value]);

  useEffect(() => {
    view.current?.dispatch({ effects: chunks.reconfigure(bordersAt(props.borders)) });
  }, [props.borders]);

  return <div ref={host} className={styles.editor} />;
}

type Latest = { readonly current: PromptEditorProps };

const chunks = new Compartment();

function extensions(latest: Latest): Extension[] {
  const known = () => latest.current.known;
  return [
    history(),
    closeBrackets(),
    EditorState.languageData.of(() => [{ closeBrackets: { brackets: ["("] } }]),
    autocompletion({ override: [completions(latest)], icons: false, defaultKeymap: false, tooltipClass: () => "nowheel" }),
    Prec.high(
      keymap.of([
        { key: "Mod-ArrowUp", run: weighing(WEIGHT_STEP) },
        { key: "Mod-ArrowDown", run: weighing(-WEIGHT_STEP) },
      ]),
    ),
    keymap.of([
      ...completionKeymap.filter((one) => one.key !== "Escape"),
      ...closeBracketsKeymap,
      ...historyKeymap,
      {
        key: "Escape",
        run: (view) => {
          if (!isOffering(view.state) || !closeCompletion(view)) latest.current.onLeave();
          return true;
        },
      },
      ...defaultKeymap.filter((one) => one.key !== "Mod-Enter"), // runs the graph
    ]),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": latest.current.label, spellcheck: "true", autocapitalize: "off" }),
    placeholder(latest.current.label),
    tooltips({ position: "fixed", parent: document.body }),
    marking(known),
    chunks.of(bordersAt(latest.current.borders)),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      const text = update.state.doc.toString();
      if (text !== latest.current.value) latest.current.onText(text);
    }),
    EditorView.domEventHandlers({
      blur: (_event, view) => {
        // One that is being taken off the page, or has the focus again, is not left.
        window.setTimeout(() => view.dom.isConnected && !view.hasFocus && latest.current.onBlur());
        return false;
      },
      // Keys stay in the text, but for those that are commands of the editor around it.
      keydown: (event) => {
        if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
        return false;
      },
    }),
  ];
}

/** Whether completions are seen: looking for some, which every key typed begins, is nothing that Escape could close. */
const isOffering = (state: EditorState): boolean => state.facet(showTooltip).some((one) => one !== null);

const weighing =
  (by: number): StateCommand =>
  ({ state, dispatch }) => {
    const { from, to } = state.selection.main;
    const edit = reweigh(state.doc.toString(), from, to, by);
    if (!edit) return true;
    dispatch(state.update({ changes: { from: edit.from, to: edit.to, insert: edit.insert }, selection: { anchor: edit.select[0], head: edit.select[1] }, userEvent: "input.weight", scrollIntoView: true }));
    return true;
  };

function completions(latest: Latest) {
  return (context: CompletionContext): CompletionResult | null => {
    const before = context.state.sliceDoc(Math.max(0, context.pos - 200), context.pos);
    const found = offersFor(before, latest.current.known, context.explicit);
    if (!found) return null;
    const from = context.pos - (before.length - found.from);
    return {
      from,
      filter: false,
      options: found.offers.map(
        (offer): Completion => ({
          label: offer.label,
          detail: latest.current.details[offer.kind],
          apply: (view, _completion, begin, end) => {
            view.dispatch({ changes: { from: begin, to: end, insert: offer.insert }, selection: { anchor: begin + offer.insert.length }, userEvent: "input.complete" });
            if (offer.kind === "LoRA") latest.current.onLora?.(offer.file);
          },
        }),
      ),
    };
  };
}

function marking(known: () => Known): Extension {
  const decorate = (view: EditorView): DecorationSet => {
    const marks = marksOf(view.state.doc.toString(), knows(known()));
    return Decoration.set(marks.map(({ from, to, kinds }) => Decoration.mark({ class: kinds.map((kind) => styles[kind]).join(" ") }).range(from, to)));
  };
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = decorate(view);
      }
      update(update: ViewUpdate) {
        if (update.docChanged) this.decorations = decorate(update.view);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
}

class Border extends WidgetType {
  override toDOM(): HTMLElement {
    const mark = document.createElement("i");
    mark.className = styles.border ?? "";
    return mark;
  }
}

/** A line where a chunk of tokens begins. */
function bordersAt(places: readonly number[]): Extension {
  return EditorView.decorations.of((view) => Decoration.set(places.filter((place) => place <= view.state.doc.length).map((place) => Decoration.widget({ widget: new Border(), side: -1 }).range(place))));
}
