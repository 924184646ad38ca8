// The open workflows. Of more than there is room for, some are scrolled to, and a list names all of them.
import { useCallback, useLayoutEffect, useRef, useState } from "react";
import { ChevronDown, Plus, X } from "lucide-react";
import { useStore } from "zustand";
import { perform } from "@/commands/commands";
import { tipFor } from "@/commands/keys";
import { useMessages } from "@/i18n/messages";
import { progressOf } from "@/model/runs";
import { MenuButton } from "@/shell/MenuButton";
import type { OpenDocument } from "@/store/documents";
import { isUnsaved, useEditor } from "@/store/editor";
import { closeDocument, titleOf } from "@/store/files";
import styles from "@/shell/shell.module.css";

export function Tabs() {
  const editor = useEditor();
  const messages = useMessages();
  const { shell: t, commands } = messages;
  const { order, open, active } = useStore(editor.documents.store);
  const keys = useStore(editor.settings, (one) => one.keys);
  const documents = order.flatMap((uid) => open[uid] ?? []);
  const { scroller, areMore } = useStrip(active, documents.map((one) => titleOf(one)).join("\n"));
  const all = () =>
    documents.map((one) => ({
      label: titleOf(one) || t.untitled,
      keys: isUnsaved(one) ? t.notSaved : undefined,
      chosen: one.uid === active,
      run: () => editor.documents.activate(one.uid),
    }));
  return (
    <nav className={styles.tabs} aria-label={t.openWorkflows}>
      <div ref={scroller} className={styles.strip} data-testid="tab-strip" onWheel={(event) => (event.currentTarget.scrollLeft += event.deltaY)}>
        {documents.map((one) => (
          <Tab key={one.uid} one={one} isActive={one.uid === active} />
        ))}
      </div>
      {areMore && (
        <MenuButton label={t.allOpen} className={styles.tool} testId="all-tabs" items={all}>
          <ChevronDown size={15} />
        </MenuButton>
      )}
      <button type="button" className={styles.tool} data-tip={tipFor(keys, "new", messages)} aria-label={commands.new} onClick={() => perform(editor, "new")}>
        <Plus size={16} />
      </button>
    </nav>
  );
}

/** Keeps the active tab in sight, and knows whether there are more than there is room for. */
function useStrip(active: string | null, titles: string) {
  const scroller = useRef<HTMLDivElement>(null);
  const [areMore, setMore] = useState(false);
  const look = useCallback(() => {
    const strip = scroller.current!;
    setMore(strip.scrollWidth > strip.clientWidth + 1);
    strip.querySelector("[data-active=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, []);
  useLayoutEffect(look, [look, active, titles, areMore]);
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(look);
    sizes.observe(scroller.current!);
    return () => sizes.disconnect();
  }, [look]);
  return { scroller, areMore };
}

function Tab({ one, isActive }: { one: OpenDocument; isActive: boolean }) {
  const editor = useEditor();
  const { shell: t } = useMessages();
  const title = titleOf(one) || t.untitled;
  return (
    <div className={styles.tab} data-active={isActive} data-testid="tab" onAuxClick={(event) => event.button === 1 && closeDocument(editor, one.uid)}>
      <button type="button" aria-current={isActive ? "page" : undefined} title={one.file?.name ?? title} onClick={() => editor.documents.activate(one.uid)}>
        {title}
      </button>
      <TabProgress uid={one.uid} />
      {isUnsaved(one) && <span className={styles.dot} data-tip={t.notSavedTip} role="img" aria-label={t.notSaved} />}
      <button type="button" className={styles.shut} aria-label={t.close(title)} onClick={() => closeDocument(editor, one.uid)}>
        <X size={12} />
      </button>
    </div>
  );
}

/** How far a run of this document is, as a ring. */
function TabProgress({ uid }: { uid: string }) {
  const { runs } = useEditor();
  const { shell: t } = useMessages();
  const share = useStore(runs.store, () => {
    const job = runs.current(uid);
    return job ? Math.round(progressOf(job) * 40) / 40 : null;
  });
  if (share === null) return null;
  return (
    <svg className={styles.tabRing} viewBox="0 0 12 12" role="img" aria-label={t.percentDone(Math.round(share * 100))}>
      <circle cx="6" cy="6" r="4.5" fill="none" stroke="var(--line)" strokeWidth="2" />
      <circle cx="6" cy="6" r="4.5" fill="none" stroke="var(--accent)" strokeWidth="2" strokeDasharray={`${share * 28.3} 28.3`} transform="rotate(-90 6 6)" />
    </svg>
  );
}
