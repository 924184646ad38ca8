// The fields that the selected nodes have in common: a change here is a change of all of them, and one step of undo.
import { useMemo } from "react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { setOnAll, sharedFields } from "@/model/shared";
import { scopeOf } from "@/store/documents";
import { useActive, useEditor } from "@/store/editor";
import { servicesFor } from "@/store/services";
import { WidgetServicesContext } from "@/widgets/contract";
import { widgetFor } from "@/widgets/registry";
import styles from "@/panels/panels.module.css";

export function SharedFields({ names }: { names: readonly string[] }) {
  const editor = useEditor();
  const { help: t, edits } = useMessages();
  const one = useActive((open) => open);
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const services = useMemo(() => servicesFor(editor, undefined), [editor]);
  if (!one) return null;
  const fields = sharedFields(names, scopeOf(one), one.document, catalogue);
  return (
    <div className={styles.scroll} style={{ padding: "4px 14px 20px" }} data-testid="shared">
      <h3 className={styles.helpTitle}>{t.several(names.length)}</h3>
      <p className={styles.faint}>{fields.length === 0 ? t.nothingShared : t.together}</p>
      <WidgetServicesContext value={services}>
        {fields.map((field) => {
          const { input, nodes, value, differs } = field;
          const Field = widgetFor(input.widget!);
          return (
            <div key={`${input.name} ${nodes.join()}`} className={styles.formField}>
              <Field
                schema={input.widget!}
                label={input.name}
                place="form"
                value={value}
                onChange={(next, kind) => {
                  editor.documents.editGraph(edits.changeOnAll(input.name, nodes.length), (graph) => setOnAll(graph, field, next), `all ${input.name} ${nodes.join()}`);
                  if (kind !== "live") editor.documents.settle();
                }}
              />
              <p className={styles.faint}>
                {t.several(nodes.length)}
                {differs ? `  ·  ${t.differs}` : ""}
              </p>
            </div>
          );
        })}
      </WidgetServicesContext>
    </div>
  );
}
