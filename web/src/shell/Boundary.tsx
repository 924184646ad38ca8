// Where what cannot be drawn ends: the rest of the page stays, and the document with it.
import { Component, type ContextType, type ReactNode } from "react";
import { CircleAlert } from "lucide-react";
import { MessagesContext } from "@/i18n/messages";
import styles from "@/shell/shell.module.css";

interface BoundaryProps {
  /** What is shown in it: another is tried anew. */
  of: string;
  /** How what opens over the page is closed; it has no place of its own on the page. */
  onClose?: () => void;
  children: ReactNode;
}

interface BoundaryState {
  fault: string | null;
}

export class Boundary extends Component<BoundaryProps, BoundaryState> {
  static override contextType = MessagesContext;
  declare context: ContextType<typeof MessagesContext>;
  override state: BoundaryState = { fault: null };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { fault: error instanceof Error ? error.message : String(error) };
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (before.of !== this.props.of && this.state.fault !== null) this.again();
  }

  override render(): ReactNode {
    if (this.state.fault === null) return this.props.children;
    const { shell: t } = this.context;
    const { onClose } = this.props;
    return (
      <div className={onClose ? styles.undrawnOver : styles.undrawn} role="alert" onKeyDown={(event) => event.key === "Escape" && onClose?.()}>
        <CircleAlert size={18} aria-hidden />
        <p>{t.undrawn(this.state.fault)}</p>
        <button type="button" className={styles.button} onClick={() => this.again()}>
          {t.drawAgain}
        </button>
        {onClose && (
          <button type="button" className={styles.button} autoFocus onClick={onClose}>
            {t.closeWindow}
          </button>
        )}
      </div>
    );
  }

  private again(): void {
    this.setState({ fault: null });
  }
}
