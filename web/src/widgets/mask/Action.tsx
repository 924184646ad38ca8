// A button of the mask editor that is a picture of what it does.
import type { ReactNode } from "react";
import styles from "@/widgets/mask/mask.module.css";

export function Action({ title, label, icon, disabled, onClick }: { title: string; label: string; icon: ReactNode; disabled?: boolean; onClick: () => void }) {
  return (
    <button type="button" className={styles.tool} title={title} aria-label={label} disabled={disabled} onClick={onClick}>
      {icon}
    </button>
  );
}
