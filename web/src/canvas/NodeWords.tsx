// What a node told in words when it ran: text to be read, marked and copied, never markup.
import { memo, useState } from "react";
import { useMessages } from "@/i18n/messages";
import type { Row } from "@/model/geometry";
import { wordsIn, type NodeOutput } from "@/model/runs";
import styles from "@/canvas/canvas.module.css";

interface NodeWordsProps {
  row: Extract<Row, { kind: "words" }>;
  made: NodeOutput | undefined;
}

export const NodeWords = memo(function NodeWords({ row, made }: NodeWordsProps) {
  const { canvas: t } = useMessages();
  const [focused, setFocused] = useState(false); // until it is clicked, the wheel is the canvas's
  return (
    <textarea
      readOnly
      className={`${styles.words} nodrag ${focused ? "nowheel" : ""}`}
      style={{ top: row.y + 2, height: row.height - 4 }}
      aria-label={t.words}
      placeholder={t.noWords}
      value={wordsIn(made?.text)}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    />
  );
});
