// The panels, one button each.
import { Blocks, FolderOpen, Image, Keyboard, ListTree, ListVideo, Search, Settings, SlidersHorizontal, TriangleAlert, CircleHelp } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { perform, type CommandId } from "@/commands/commands";
import { tipFor } from "@/commands/keys";
import { NO_PLAN } from "@/model/plan";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

const UPPER = [
  { id: "queue", icon: ListVideo },
  { id: "workflows", icon: FolderOpen },
  { id: "templates", icon: Image },
  { id: "models", icon: Blocks },
  { id: "outline", icon: ListTree },
  { id: "find", icon: Search },
  { id: "problems", icon: TriangleAlert },
] as const;

const LOWER = [
  { id: "form", icon: SlidersHorizontal },
  { id: "help-node", icon: CircleHelp },
  { id: "shortcuts", icon: Keyboard },
  { id: "settings", icon: Settings },
] as const;

export function Rail() {
  const editor = useEditor();
  const t = useMessages();
  const { panel, side } = useStore(editor.view.store);
  const active = useStore(editor.documents.store, (state) => state.active);
  const problems = useStore(editor.plans.store, (state) => (state[active ?? ""] ?? NO_PLAN).problems.length);
  const failed = useStore(editor.runs.store, (state) => (state.failed[active ?? ""] ?? []).length);
  const waiting = useStore(editor.runs.store, (state) => (state.counts["queued"] ?? 0) + (state.counts["running"] ?? 0));
  const chosen = useStore(editor.settings, (one) => one.keys);
  const pressed = (id: string) => panel === id || (side === "form" && id === "form") || (side === "node" && id === "help-node");
  const count = (id: string) => (id === "queue" ? waiting : id === "problems" ? problems + failed : 0);
  const button = ({ id, icon: Icon }: { id: CommandId; icon: typeof Search }) => {
    const title = t.commands[id];
    const number = count(id);
    return (
      <button key={id} type="button" className={styles.tool} aria-label={title} aria-pressed={pressed(id)} data-testid={`rail-${id}`} data-tip={tipFor(chosen, id, t)} data-tip-side="right" onClick={() => perform(editor, id)}>
        <Icon size={17} strokeWidth={1.8} />
        {number > 0 && <span className={`${styles.count} ${id === "problems" ? styles.bad : ""}`}>{number > 99 ? "99+" : number}</span>}
      </button>
    );
  };
  return (
    <nav className={styles.rail} aria-label={t.shell.panels}>
      {UPPER.map(button)}
      <span className={styles.gap} />
      {LOWER.map(button)}
    </nav>
  );
}
