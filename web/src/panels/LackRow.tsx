// One thing that the open workflow names and is not here: what it is, what is nearest to it, what else there is.
import { Crosshair, TriangleAlert } from "lucide-react";
import { go } from "@/store/going";
import { useMessages, type Messages } from "@/i18n/messages";
import { writeJson } from "@/model/json";
import { placedBy, type Lack } from "@/model/missing";
import { useActive, useEditor, type Editor } from "@/store/editor";
import { filesOf } from "@/store/library";
import { Whereabouts } from "@/panels/Whereabouts";
import { listed, putInPlace } from "@/store/remarks";
import { ChoiceField } from "@/widgets/choice/ChoiceField";
import styles from "@/panels/panels.module.css";
import own from "@/panels/missing.module.css";

export function LackRow({ lack, onShow }: { lack: Lack; onShow: () => void }) {
  const editor = useEditor();
  const { missing: t } = useMessages();
  const first = lack.kind === "output" ? lack.from[0] : lack.at[0];
  const others = othersFor(lack, editor);
  const choose = (name: string) => putInPlace(editor, t.edit(name), [[lack, name]]);
  const drop = () => putInPlace(editor, t.editDrop(lack.name), [[lack, null]]);
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
        {lack.kind === "type" && <PlacedValues lack={lack} />}
        {(lack.kind === "file" || lack.kind === "mention") && <Whereabouts folder={lack.folder} name={lack.name} />}
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

/** What becomes of values without names with each type that is offered. */
function PlacedValues({ lack }: { lack: Lack }) {
  const editor = useEditor();
  const { missing: t } = useMessages();
  const document = useActive((one) => one?.document);
  if (!document) return null;
  return lack.offers.map((name) => {
    const placed = placedBy(lack, name, document, editor.library.catalogue).map((one) => one.placed);
    if (placed.length === 0) return null;
    const { values } = placed[0]!;
    const lost = placed.flatMap((one) => one.lost);
    const names = Object.keys(values);
    const says = [names.length > 0 ? t.takes(listed(Object.values(values), names)) : "", lost.length > 0 ? t.loses(listed(lost)) : ""].filter(Boolean);
    return (
      <p key={name} className={own.note} data-testid="placed">
        {name} {says.join("; ")}
      </p>
    );
  });
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
