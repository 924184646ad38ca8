// What the open workflow names and is not here, each with what is nearest to it: taken with one click, or another chosen. And
// what is remarked on the file that it came from, which nothing else shows while this is open.
import { useEffect } from "react";
import { useMessages } from "@/i18n/messages";
import type { Lack } from "@/model/missing";
import { LackRow } from "@/panels/LackRow";
import { useLacks } from "@/panels/lacks";
import { Remarks } from "@/panels/Remarks";
import { useEditor } from "@/store/editor";
import { putInPlace } from "@/store/remarks";
import styles from "@/panels/panels.module.css";
import own from "@/panels/missing.module.css";

export function MissingForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const { missing: t, files } = useMessages();
  const lacks = useLacks();
  useEffect(() => {
    // Without where the folders of models are the rest of the window is as good.
    void editor.library.seeDirectories().catch(() => undefined);
  }, [editor]);
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
        <Remarks onShow={onDone} />
      </div>
      <footer className={own.foot}>
        {near.length > 0 && (
          <button type="button" className={styles.textButton} onClick={() => putInPlace(editor, t.editAll, near.map((lack) => [lack, lack.offers[0]!]))}>
            {t.takeNearest(near.length)}
          </button>
        )}
        {lacks.some(({ kind }) => kind === "file" || kind === "mention") && (
          <button type="button" className={styles.textButton} onClick={() => void editor.library.refresh().catch((error: unknown) => editor.fail(error))}>
            {files.lookAgain}
          </button>
        )}
        <button type="button" className={styles.primary} onClick={onDone}>
          {lacks.length === 0 ? t.done : t.keep}
        </button>
      </footer>
    </>
  );
}

const keyOf = (lack: Lack): string => `${lack.kind} ${lack.name} ${"of" in lack ? lack.of : ""} ${"input" in lack ? lack.input : ""} ${lack.at[0]?.node}`;
