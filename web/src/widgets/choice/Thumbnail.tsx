// The small picture of a model in a list, or the quiet place of one that has none or whose picture cannot be shown.
import { useState } from "react";
import { Image } from "lucide-react";
import styles from "@/widgets/choice/choice.module.css";

export function Thumbnail({ url }: { url: string | null }) {
  const [broken, setBroken] = useState<string | null>(null);
  const shows = url !== null && broken !== url;
  return (
    <span className={styles.thumbnail} data-testid="thumbnail" aria-hidden>
      {shows ? <img src={url} alt="" loading="lazy" decoding="async" draggable={false} onError={() => setBroken(url)} /> : <Image size={16} strokeWidth={1.25} />}
    </span>
  );
}
