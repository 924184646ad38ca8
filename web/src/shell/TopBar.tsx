// What must always be in reach: the menu, the open workflows, whether this one is saved, what will run, run, cancel, how many.
import { Layers, Pause, Play, Square } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { perform } from "@/commands/commands";
import { tipFor } from "@/commands/keys";
import { NO_PLAN, runSentence } from "@/model/plan";
import { useEditor } from "@/store/editor";
import { MainMenu } from "@/shell/MainMenu";
import { SaveState } from "@/shell/SaveState";
import { Tabs } from "@/shell/Tabs";
import styles from "@/shell/shell.module.css";

export function TopBar() {
  return (
    <header className={styles.top}>
      <h1 className="sr-only">latentgraph</h1>
      <MainMenu />
      <Tabs />
      <SaveState />
      <RunControls />
    </header>
  );
}

function RunControls() {
  const editor = useEditor();
  const t = useMessages();
  const active = useStore(editor.documents.store, (state) => state.active);
  const plan = useStore(editor.plans.store, (state) => state[active ?? ""] ?? NO_PLAN);
  const batch = useStore(editor.view.store, (state) => state.batch);
  const paused = useStore(editor.runs.store, (state) => state.paused);
  const keys = useStore(editor.settings, (one) => one.keys);
  const autoRun = useStore(editor.view.store, (state) => state.autoRun);
  const waiting = useStore(editor.runs.store, (state) => (state.counts["queued"] ?? 0) + (state.counts["running"] ?? 0));
  const busy = useStore(editor.runs.store, () => editor.runs.current(active ?? "") !== undefined);
  const can = active !== null && plan.status !== "none" && plan.status !== "faulty" && plan.status !== "unreachable";
  const sentence = runSentence(plan, t.plan);
  return (
    <div className={styles.runs}>
      {/* It says what changes, so it is there always; a button without words is none. */}
      <button
        type="button"
        className={styles.sentence}
        aria-hidden={sentence === ""}
        disabled={sentence === ""}
        data-state={plan.status}
        data-testid="sentence"
        aria-live="polite"
        onClick={() => plan.status === "faulty" && editor.view.set({ panel: "problems" })}
      >
        {sentence}
      </button>
      <label className={styles.batch} data-tip={t.shell.howOftenTip}>
        <Layers size={13} aria-hidden />
        <input type="number" min={1} max={100} value={batch} aria-label={t.shell.howOften} onChange={(event) => editor.view.set({ batch: Math.max(1, Math.min(100, Math.round(Number(event.target.value)) || 1)) })} />
      </label>
      <button type="button" role="switch" aria-checked={autoRun} className={styles.auto} data-testid="auto-run" data-tip={t.shell.onChangeTip} onClick={() => perform(editor, "auto-run")}>
        <span className={styles.track} data-on={autoRun ? "" : undefined} aria-hidden /> <span className={styles.word}>{t.shell.onChange}</span>
      </button>
      {paused && (
        <button type="button" className={styles.paused} data-testid="paused" data-tip={t.queue.paused} onClick={() => perform(editor, "pause")}>
          <Pause size={12} aria-hidden /> {t.queue.isPaused} · {t.queue.continue}
        </button>
      )}
      {busy && (
        <button type="button" className={styles.cancel} data-testid="cancel" data-tip={tipFor(keys, "cancel", t)} onClick={() => perform(editor, "cancel")}>
          <Square size={11} fill="currentColor" aria-hidden /> {t.queue.cancel}
        </button>
      )}
      <button type="button" className={styles.run} disabled={!can} data-testid="run" data-tip={tipFor(keys, "run", t)} onClick={() => perform(editor, "run")}>
        <Play size={13} fill="currentColor" aria-hidden /> {t.commands.run}
        {waiting > 0 && <span className={styles.keys} style={{ color: "inherit", opacity: 0.9 }}>{t.queue.inQueue(waiting)}</span>}
      </button>
    </div>
  );
}
