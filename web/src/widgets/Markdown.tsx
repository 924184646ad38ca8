// A little markdown: headings, lists, emphasis, code. What it makes are elements, never HTML, so no text can be a script.
import type { ReactNode } from "react";

export function Markdown({ text }: { text: string }) {
  return <>{text.split(/\n{2,}/).map((block, index) => block_(block, index))}</>;
}

/** One line of it, where there is room for no more. */
export function MarkdownLine({ text }: { text: string }) {
  return <>{inline(text)}</>;
}

function block_(block: string, key: number): ReactNode {
  const lines = block.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > 0 && lines.every((line) => /^\s*[-*] /.test(line))) {
    return (
      <ul key={key}>
        {lines.map((line, index) => (
          <li key={index}>{inline(line.replace(/^\s*[-*] /, ""))}</li>
        ))}
      </ul>
    );
  }
  return lines.map((line, index) => {
    const heading = /^(#{1,4}) +(.*)$/.exec(line);
    return heading ? <strong key={`${key}.${index}`} style={{ display: "block", fontSize: 16 - heading[1]!.length }}>{inline(heading[2]!)}</strong> : <p key={`${key}.${index}`}>{inline(line)}</p>;
  });
}

function inline(text: string): ReactNode[] {
  return text.split(/(\*\*[^*]+\*\*|\*[^*]+\*|`[^`]+`)/).map((part, index) => {
    if (part.startsWith("**") && part.endsWith("**") && part.length > 4) return <strong key={index}>{part.slice(2, -2)}</strong>;
    if (part.startsWith("`") && part.endsWith("`") && part.length > 2) return <code key={index}>{part.slice(1, -1)}</code>;
    if (part.startsWith("*") && part.endsWith("*") && part.length > 2) return <em key={index}>{part.slice(1, -1)}</em>;
    return part;
  });
}
