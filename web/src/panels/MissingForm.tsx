// What the open workflow names and is not here, each with what is nearest to it: taken with one click, or another chosen.
import { Crosshair, TriangleAlert } from "lucide-react";
import { go } from "@/store/going";
import { useMessages, type Messages } from "@/i18n/messages";
import type { Document } from "@/model/document";
import { writeJson } from "@/model/json";
import { resolved, type Lack } from "@/model/missing";
import { useLacks } from "@/panels/lacks";
import { useEditor, type Editor } from "@/store/editor";
import { filesOf } from "@/store/library";
import { ChoiceField } from "@/widgets/choice/ChoiceField";
import styles from "@/panels/panels.module.css";
import own from "@/panels/missing.module.css";

export function MissingForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const { missing: t } = useMessages();
  const lacks = useLacks();
  const near = lacks.filter((one) => one.offers.length > 0);
  const sections: [string, (lack: Lack) => boolean][] = [
    [t.types, (one) => one.kind === "type"],
    [t.files, (one) => one.kind === "file" || one.kind === "mention"],
    [t.choices, (one) => one.kind === "choice"],
    [t.changed, (one) => one.kind === "input" || one.kind === "output"],
  ];
  return (
    <>
      <p className={own.lead}>{lacks.length === 0 ? t.none : t.lead}</p>
      <div className={styles.scroll}>
        {sections.map(([title, isIn]) => {
          const here = lacks.filter(isIn);
          if (here.length === 0) return null;
          return (
            <section key={title}>
              <h3 className={styles.section}>{title}</h3>
              <ul className={own.list}>
                {here.map((lack) => (
                  <LackRow key={keyOf(lack)} lack={lack} onShow={onDone} />
                ))}
              </ul>
            </section>
          );
        })}
      </div>
      <footer className={own.foot}>
        {near.length > 0 && (
          <button type="button" className={styles.textButton} onClick={() => takeNearest(editor, near)}>
            {t.takeNearest(near.length)}
          </button>
        )}
        <button type="button" className={styles.primary} onClick={onDone}>
          {lacks.length === 0 ? t.done : t.keep}
        </button>
      </footer>
    </>
  );
}

function LackRow({ lack, onShow }: { lack: Lack; onShow: () => void }) {
  const editor = useEditor();
  const { missing: t } = useMessages();
  const first = lack.kind === "output" ? lack.from[0] : lack.at[0];
  const others = othersFor(lack, editor);
  const choose = (name: string) => edit(editor, t.edit(name), (document) => resolved(document, lack, name, editor.library.catalogue));
  const drop = () => edit(editor, t.editDrop(lack.name), (document) => resolved(document, lack, null, editor.library.catalogue));
  return (
    <li className={own.row} data-testid="lack" data-kind={lack.kind}>
      <TriangleAlert size={14} aria-hidden />
      <div className={own.what}>
        <strong className={own.name}>{lack.name}</strong>
        <span className={styles.faint}>{[about(lack, t), lack.at.length > 1 ? t.nodes(lack.at.length) : ""].filter(Boolean).join("  ·  ")}</span>
        <div className={own.offers}>
          {lack.offers.map((name) => (
            <button key={name} type="button" className={own.offer} onClick={() => choose(name)}>
              {t.use(name)}
            </button>
          ))}
          {(lack.kind === "input" || lack.kind === "output") && (
            <button type="button" className={styles.textButton} style={{ marginLeft: 0 }} onClick={drop}>
              {lack.kind === "output" ? t.dropLink : t.dropInput}
            </button>
          )}
          {others.length > 0 && (
            <span className={own.other}>
              <ChoiceField schema={{ widget: "choice", options: [...others] }} value={undefined} label={t.other} place="node" onChange={choose} />
            </span>
          )}
        </div>
      </div>
      {first?.scope === "" && (
        <button
          type="button"
          className={styles.icon}
          aria-label={t.showOf(lack.name)}
          data-tip={t.show}
          onClick={() => {
            onShow();
            go(editor, first.node);
          }}
        >
          <Crosshair size={14} />
        </button>
      )}
    </li>
  );
}

/** All that could stand in, to be searched; of inputs and outputs the nearest are enough. */
function othersFor(lack: Lack, editor: Editor): readonly string[] {
  switch (lack.kind) {
    case "type":
      return [...editor.library.catalogue.keys()].sort();
    case "file":
    case "mention":
      return filesOf(editor.library.store.getState())(lack.folder) ?? [];
    case "choice":
      return lack.options;
    case "input":
    case "output":
      return [];
  }
}

function about(lack: Lack, t: Messages["missing"]): string {
  switch (lack.kind) {
    case "type":
      return "";
    case "file":
      return t.inFolder(lack.folder);
    case "mention":
      return t.mentioned(lack.folder);
    case "choice":
      return t.choiceOf(lack.input, lack.of);
    case "input":
      return `${t.noInput(lack.of)}; ${lack.value === undefined ? t.linked : t.holds(writeJson(lack.value).slice(0, 60))}`;
    case "output":
      return t.noOutput(lack.of);
  }
}

function takeNearest(editor: Editor, near: readonly Lack[]): void {
  edit(editor, editor.t.missing.editAll, (document) => near.reduce((next, lack) => resolved(next, lack, lack.offers[0]!, editor.library.catalogue), document));
}

function edit(editor: Editor, label: string, change: (document: Document) => Document): void {
  const one = editor.documents.active;
  if (one) editor.documents.edit(one.uid, label, change);
}

const keyOf = (lack: Lack): string => `${lack.kind} ${lack.name} ${"of" in lack ? lack.of : ""} ${"input" in lack ? lack.input : ""} ${lack.at[0]?.node}`;
