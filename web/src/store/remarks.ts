// What is remarked on a file that was read, and what stands in for what is not here: done, told, and kept to be read again.
import type { Problem } from "@/api/client";
import { writeJson } from "@/model/json";
import { placedBy, resolved, type Lack, type Naming } from "@/model/missing";
import { remarksOf } from "@/model/remarks";
import { SEED_REMARK, withSeedsDrawn } from "@/model/seeds";
import type { Editor } from "@/store/editor";

/** Values that are longer than this are cut when they are shown. */
const LONGEST = 60;
const MOST_SHOWN = 12;

/** Tell in passing that there are remarks on what was opened, and where they can be read. */
export function tellRemarks(editor: Editor, uid: string): void {
  const one = editor.documents.get(uid);
  const report = one?.report;
  const remarks = one && report ? remarksOf(report.problems, one.document, editor.library.catalogue) : [];
  if (!report || remarks.length === 0) return;
  const { files: t, problems: words, says } = editor.t;
  if (remarks.every(({ code }) => code === SEED_REMARK)) {
    editor.view.say(t.seedsStay(report.source), "info", { label: words.drawSeeds, run: () => drawSeeds(editor, uid) });
    return;
  }
  const show = () => {
    editor.documents.activate(uid);
    editor.view.set({ panel: "problems" });
  };
  editor.view.say(t.remarks(report.source, remarks.length), "info", { label: says.show, run: show });
}

/** From now on each run draws the seeds that ComfyUI would have drawn. */
export function drawSeeds(editor: Editor, uid = editor.documents.active?.uid): void {
  if (uid !== undefined) editor.documents.edit(uid, editor.t.edits.drawSeeds, (document) => withSeedsDrawn(document, editor.library.catalogue));
}

/** Put what was chosen (null: nothing) in the place of what is not here, in one step of undo. Values that are lost by it are remarked. */
export function putInPlace(editor: Editor, label: string, choices: readonly (readonly [Lack, string | null])[]): void {
  const one = editor.documents.active;
  if (!one) return;
  const { catalogue } = editor.library;
  let remarks: Problem[] = [];
  editor.documents.edit(one.uid, label, (before) => {
    remarks = [];
    return choices.reduce((document, [lack, chosen]) => {
      for (const { at, placed } of chosen === null ? [] : placedBy(lack, chosen, document, catalogue)) {
        if (placed.lost.length > 0) remarks.push(remarkOf("values_lost", editor.t.missing.lost(listed(placed.lost), chosen!), at));
        if (Object.values(placed.controls).includes("randomize")) remarks.push(remarkOf(SEED_REMARK, editor.t.missing.seedStays, at));
      }
      return resolved(document, lack, chosen, catalogue);
    }, before);
  });
  if (remarks.length > 0) editor.documents.remark(one.uid, one.document.name ?? "", remarks);
}

/** Values as they are shown, with the names of inputs where they have any. */
export function listed(values: readonly unknown[], names?: readonly string[]): string {
  const shown = values.slice(0, MOST_SHOWN).map((value, index) => [names?.[index], cut(writeJson(value))].filter(Boolean).join(" "));
  return values.length > MOST_SHOWN ? `${shown.join(", ")} …` : shown.join(", ");
}

const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** What is remarked of a node of a subgraph has a path that says so. */
function remarkOf(code: string, message: string, { scope, node }: Naming): Problem {
  return { code, message, node, path: scope === "" ? "$" : "$.subgraphs", severity: "warning" };
}
