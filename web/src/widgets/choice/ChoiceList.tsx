// The open list of a choice: a field to search in, and below it names by folder or pictures side by side. Only the lines in view are
// in the page. The keyboard stays in the search field; `aria-activedescendant` says where it is in the list.
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode, type RefObject } from "react";
import { ChevronRight, Search, TriangleAlert } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { nearest } from "@/model/nearest";
import { foldersToOpen, listing, moveAlong, moveLines, nameAt, stopOf, type Line, type Stop } from "@/widgets/choice/listing";
import { Thumbnail } from "@/widgets/choice/Thumbnail";
import { Popup } from "@/widgets/Popup";
import { inView, offsetsOf, scrollTo } from "@/model/virtual";
import styles from "@/widgets/choice/choice.module.css";

export interface ChoiceListProps {
  id: string;
  anchor: RefObject<HTMLElement | null>;
  label: string;
  names: readonly string[];
  value: string | undefined;
  /** The value is none of the names. */
  missing: boolean;
  recent: readonly string[];
  /** Where the picture of a name is; with it names are shown as pictures. */
  pictureOf?: (name: string) => string;
  /** The picture beside a name, null where it has none; with it each name has a place for one. */
  thumbnailOf?: (name: string) => string | null;
  /** What to search for at first: the key that opened the list. */
  start: string;
  /** Enter was pressed before the list was there: what is found first is chosen. */
  chooses: boolean;
  /** What is said where there is no name at all. */
  nothing?: string;
  /** Below the list. */
  footer?: ReactNode;
  onChoose: (name: string) => void;
  onClose: () => void;
}

const HEIGHTS = { heading: 24, folder: 28, name: 28, pictures: 112 } as const;
const WITH_THUMBNAILS = { ...HEIGHTS, name: 52 } as const;
const COLUMNS = 4;
const TALLEST = 340;

export function ChoiceList(props: ChoiceListProps) {
  const { id, anchor, label, names, value, missing, recent, pictureOf, thumbnailOf, footer, onChoose, onClose } = props;
  const { widgets: t } = useMessages();
  const [query, setQuery] = useState(props.start);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => foldersToOpen(names, value));
  const columns = pictureOf ? COLUMNS : 0;
  const heights = thumbnailOf ? WITH_THUMBNAILS : HEIGHTS;
  const lines = useMemo(() => listing({ names, query, open, recent, columns }), [names, query, open, recent, columns]);
  const [stop, setStop] = useState<Stop | null>(() => (query.trim() ? null : stopOf(lines, value)) ?? moveLines(lines, null, 1));
  const scroller = useRef<HTMLDivElement | null>(null);
  const offsets = useMemo(() => offsetsOf(lines.map((line) => heights[line.kind])), [lines, heights]);
  const whole = offsets.at(-1) ?? 0;
  const height = Math.min(TALLEST, whole);
  const [top, setTop] = useState(() => Math.max(0, Math.min(whole - height, (offsets[stop?.line ?? 0] ?? 0) - height / 2)));
  const { from, to } = inView(offsets, top, height);
  const near = useMemo(() => (missing && value ? nearest(value, names) : null), [missing, value, names]);
  const stopId = (line: number, column: number) => `${id}-${line}-${column}`;

  // The list opens where the value is; from then on the scroller leads.
  const first = useRef(top);
  const attach = useCallback((element: HTMLDivElement | null) => {
    scroller.current = element;
    if (element) element.scrollTop = first.current;
  }, []);

  const go = (next: Stop | null) => {
    setStop(next);
    if (next && scroller.current) scroller.current.scrollTop = scrollTo(offsets, next.line, scroller.current.scrollTop, height);
  };
  const ask = (text: string) => {
    const next = listing({ names, query: text, open, recent, columns });
    setQuery(text);
    setStop(text.trim() ? moveLines(next, null, 1) : (stopOf(next, value) ?? moveLines(next, null, 1)));
    setTop(0);
    if (scroller.current) scroller.current.scrollTop = 0;
  };
  const turn = (path: string, wanted?: boolean) =>
    setOpen((now) => {
      const next = new Set(now);
      if (wanted ?? !now.has(path)) next.add(path);
      else next.delete(path);
      return next;
    });
  const choose = (at: Stop | null) => {
    const line = at ? lines[at.line] : undefined;
    if (line?.kind === "folder") return turn(line.path);
    const name = nameAt(lines, at);
    if (name !== null) onChoose(name);
  };

  const { chooses } = props;
  useEffect(() => {
    if (chooses) choose(stop);
    // Once, for the key that was pressed; what the list is drawn with later presses none.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [chooses]);

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const line = stop ? lines[stop.line] : undefined;
    const page = Math.max(1, Math.floor(height / heights[columns > 0 ? "pictures" : "name"]) - 1);
    const sideways = columns > 0 ? line?.kind === "pictures" : line?.kind === "folder";
    switch (event.key) {
      case "ArrowDown":
        go(moveLines(lines, stop, 1));
        break;
      case "ArrowUp":
        go(moveLines(lines, stop, -1));
        break;
      case "PageDown":
        go(moveLines(lines, stop, page));
        break;
      case "PageUp":
        go(moveLines(lines, stop, -page));
        break;
      case "Home":
        if (!event.ctrlKey && query) return;
        go(moveLines(lines, null, 1));
        break;
      case "End":
        if (!event.ctrlKey && query) return;
        go(moveLines(lines, null, -1));
        break;
      case "ArrowLeft":
      case "ArrowRight":
        if (!sideways || query) return;
        if (line?.kind === "folder") turn(line.path, event.key === "ArrowRight");
        else go(moveAlong(lines, stop, event.key === "ArrowRight" ? 1 : -1));
        break;
      case "Enter":
        choose(stop);
        break;
      case "Tab":
        choose(stop);
        return;
      default:
        return;
    }
    event.preventDefault();
  };

  const draw = (line: Line, index: number): ReactNode => {
    const style = { top: offsets[index], height: heights[line.kind] };
    const isStop = (column: number) => stop?.line === index && stop.column === column;
    const item = (column: number, selected: boolean) => ({
      id: stopId(index, column),
      role: "treeitem",
      "aria-selected": selected,
      "data-active": isStop(column) ? "" : undefined,
      "data-chosen": selected ? "" : undefined,
      onPointerMove: () => !isStop(column) && setStop({ line: index, column }),
      onClick: () => choose({ line: index, column }),
    });
    if (line.kind === "heading") {
      return (
        <div key={`h${line.text}`} role="presentation" className={styles.heading} style={style}>
          {t[line.text]}
        </div>
      );
    }
    if (line.kind === "folder") {
      return (
        <div key={`f${line.path}`} {...item(0, false)} aria-expanded={line.open} aria-level={line.depth + 1} className={`${styles.line} ${styles.folder}`} style={{ ...style, paddingLeft: 8 + line.depth * 16 }}>
          <ChevronRight size={14} aria-hidden className={line.open ? styles.opened : ""} />
          <span className={styles.shown}>{line.name}</span>
          <span className={styles.count}>{line.count}</span>
        </div>
      );
    }
    if (line.kind === "pictures") {
      return (
        <div key={`p${index}`} role="presentation" className={styles.pictures} style={style}>
          {line.names.map((name, column) => (
            <div key={name} {...item(column, name === value)} aria-label={name} title={name} className={styles.picture}>
              <img src={pictureOf?.(name)} alt="" loading="lazy" decoding="async" draggable={false} />
              <span>{name.slice(name.lastIndexOf("/") + 1)}</span>
            </div>
          ))}
        </div>
      );
    }
    return (
      <div key={`n${index} ${line.name}`} {...item(0, line.name === value)} aria-level={line.depth + 1} title={line.name} className={styles.line} style={{ ...style, paddingLeft: 12 + line.depth * 16 }}>
        {thumbnailOf && <Thumbnail url={thumbnailOf(line.name)} />}
        <span className={styles.shown}>{marked(line)}</span>
        {line.folder && <span className={styles.count}>{line.folder}</span>}
      </div>
    );
  };

  const found = query.trim() ? lines.reduce((sum, line) => sum + (line.kind === "pictures" ? line.names.length : 1), 0) : names.length;
  return (
    <Popup anchor={anchor} label={label} width={columns > 0 ? 420 : thumbnailOf ? 320 : 260} onClose={onClose}>
      <div className={styles.search}>
        <Search size={14} aria-hidden />
        <input
          role="combobox"
          aria-label={t.searchIn(label)}
          aria-expanded
          aria-haspopup="tree"
          aria-controls={id}
          aria-activedescendant={stop ? stopId(stop.line, stop.column) : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={t.search}
          value={query}
          onChange={(event) => ask(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <span className={styles.count} role="status">
          {found.toLocaleString("en")}
          <span className="sr-only">{t.names}</span>
        </span>
      </div>
      {missing && value && (
        <div className={styles.missing}>
          <TriangleAlert size={14} aria-hidden />
          <span>
            <b>{value}</b>
            {t.isNotHere}
            {near && t.nearest}
          </span>
          {near && (
            <button type="button" onClick={() => onChoose(near)}>
              {near}
            </button>
          )}
        </div>
      )}
      <div ref={attach} id={id} role="tree" aria-label={label} tabIndex={-1} className={styles.list} style={{ height }} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        <div role="presentation" style={{ position: "relative", height: whole }}>
          {lines.slice(from, to).map((line, index) => draw(line, from + index))}
        </div>
      </div>
      {lines.length === 0 && <p className={styles.none}>{names.length === 0 ? (props.nothing ?? t.nothingYet) : t.nothingCalled(query)}</p>}
      {footer && <div className={styles.footer}>{footer}</div>}
    </Popup>
  );
}

function marked({ name, shown, ranges }: Extract<Line, { kind: "name" }>): ReactNode {
  const base = name.length - shown.length;
  const parts: ReactNode[] = [];
  let at = 0;
  for (const [from, to] of ranges) {
    const [begin, end] = [Math.max(from - base, at), to - base];
    if (end <= begin) continue;
    parts.push(shown.slice(at, begin), <mark key={begin}>{shown.slice(begin, end)}</mark>);
    at = end;
  }
  return [...parts, shown.slice(at)];
}
