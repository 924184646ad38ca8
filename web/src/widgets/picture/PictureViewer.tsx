// Pictures in full, one at a time: zoomed, moved, paged through, compared with what they were made from; how each was made, and the
// workflow that made it.
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { Dialog } from "radix-ui";
import { ChevronLeft, ChevronRight, Columns2, Download, Info, Maximize, Workflow, X, ZoomIn, ZoomOut } from "lucide-react";
import { shownKeys } from "@/i18n/keyNames";
import { useMessages } from "@/i18n/messages";
import { CompareSlider } from "@/widgets/picture/CompareSlider";
import { useOpener } from "@/widgets/opener";
import { usePanZoom } from "@/widgets/picture/usePanZoom";
import type { Point, Size } from "@/widgets/picture/view";
import styles from "@/widgets/picture/viewer.module.css";

export interface ShownPicture {
  url: string;
  name: string;
  /** What it was made from, to be compared with. */
  before?: string;
}

/** What is known of how a picture was made: in sections, each of names and values. */
export interface PictureFacts {
  sections: readonly { title: string; rows: readonly (readonly [string, string])[] }[];
}

export interface PictureViewerProps {
  pictures: readonly ShownPicture[];
  index: number;
  onIndex: (index: number) => void;
  onClose: () => void;
  /** Asked when somebody wants to know; null when nothing is known. */
  facts?: (picture: ShownPicture) => Promise<PictureFacts | null>;
  onOpenWorkflow?: (picture: ShownPicture) => void;
}

export function PictureViewer({ pictures, index, onIndex, onClose, facts, onOpenWorkflow }: PictureViewerProps) {
  const { viewer: t, keys: names } = useMessages();
  const [told, setTold] = useState(false);
  const [comparing, setComparing] = useState(false);
  const focusOpener = useOpener();
  const shown = pictures[Math.min(index, pictures.length - 1)];
  if (!shown) return null;
  const compared = comparing && shown.before !== undefined;
  const turn = (by: number) => {
    const next = index + by;
    if (next >= 0 && next < pictures.length) onIndex(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys: Record<string, () => void> = { ArrowLeft: () => turn(-1), ArrowRight: () => turn(1), Home: () => onIndex(0), End: () => onIndex(pictures.length - 1), i: () => setTold(!told), c: () => setComparing(!comparing) };
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Content
          className={styles.viewer}
          aria-describedby={undefined}
          data-testid="picture-viewer"
          onCloseAutoFocus={focusOpener}
          onKeyDown={onKeyDown}
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus();
          }}
        >
          <header className={styles.bar}>
            <Dialog.Title className={styles.title}>{shown.name}</Dialog.Title>
            {pictures.length > 1 && (
              <span className={styles.count} role="status">
                {t.of(index + 1, pictures.length)}
              </span>
            )}
            <div className={styles.spring} />
            {shown.before !== undefined && (
              <Tool label={t.compare} title={t.compareTip} pressed={compared} onClick={() => setComparing(!comparing)}>
                <Columns2 size={16} />
              </Tool>
            )}
            {onOpenWorkflow && (
              <Tool label={t.workflow} title={t.workflowTip} onClick={() => onOpenWorkflow(shown)}>
                <Workflow size={16} />
              </Tool>
            )}
            {facts && (
              <Tool label={t.made} title={t.madeTip} pressed={told} onClick={() => setTold(!told)}>
                <Info size={16} />
              </Tool>
            )}
            <a className={styles.tool} href={shown.url} download={shown.name.split("/").at(-1)} aria-label={t.download} title={t.download}>
              <Download size={16} aria-hidden />
            </a>
            <Dialog.Close className={styles.tool} aria-label={t.close} title={t.closeTip(shownKeys("Escape", names))}>
              <X size={16} />
            </Dialog.Close>
          </header>
          <div className={styles.middle}>
            {compared ? <CompareSlider key={`compare ${shown.url}`} before={shown.before!} after={shown.url} label={t.compareOf(shown.name)} /> : <Stage key={`stage ${shown.url}`} picture={shown} onTurn={turn} first={index === 0} last={index === pictures.length - 1} />}
            {told && facts && <Facts key={`facts ${shown.url}`} picture={shown} facts={facts} />}
          </div>
          {pictures.length > 1 && <Strip pictures={pictures} index={index} onIndex={onIndex} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Tool({ label, title, pressed, disabled, onClick, children }: { label: string; title: string; pressed?: boolean; disabled?: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" className={styles.tool} aria-label={label} title={title} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
      {children}
    </button>
  );
}

const SWIPE = 60;
/** Small pictures are shown larger than they are, but no larger than this. */
const LARGEST_FIT = 3;

function Stage({ picture, first, last, onTurn }: { picture: ShownPicture; first: boolean; last: boolean; onTurn: (by: number) => void }) {
  const { viewer: t } = useMessages();
  const stage = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size | null>(null);
  const [broken, setBroken] = useState(false);
  const pan = usePanZoom(stage, size, LARGEST_FIT);
  const drag = useRef<{ pointer: number; from: Point; last: Point } | null>(null);
  const { view } = pan;
  const isWhole = size !== null && stage.current !== null && size.width * view.scale <= stage.current.clientWidth && size.height * view.scale <= stage.current.clientHeight;

  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (event.button > 1 || (event.target as HTMLElement).closest("button")) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const at = { x: event.clientX, y: event.clientY };
    drag.current = pan.pinch.down(event) ? null : { pointer: event.pointerId, from: at, last: at };
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    if (pan.pinch.move(event)) return;
    const now = drag.current;
    if (now?.pointer !== event.pointerId) return;
    const swipes = event.pointerType === "touch" && isWhole;
    if (!swipes) pan.move({ x: event.clientX - now.last.x, y: event.clientY - now.last.y });
    now.last = { x: event.clientX, y: event.clientY };
  };
  const onPointerUp = (event: PointerEvent<HTMLElement>) => {
    pan.pinch.up(event);
    const now = drag.current;
    drag.current = null;
    if (now?.pointer !== event.pointerId || event.pointerType !== "touch" || !isWhole) return;
    const by = event.clientX - now.from.x;
    if (Math.abs(by) > SWIPE) onTurn(by > 0 ? -1 : 1);
  };
  return (
    <div ref={stage} className={styles.stage} onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={() => (drag.current = null)} onDoubleClick={() => (view.scale === 1 ? pan.fit() : pan.actual())}>
      {broken ? (
        <p className={styles.broken} role="alert">
          {t.broken(picture.name)}
        </p>
      ) : (
        <img
          src={picture.url}
          alt={picture.name}
          draggable={false}
          className={styles.picture}
          style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`, imageRendering: view.scale >= 6 ? "pixelated" : "auto", visibility: size ? "visible" : "hidden" }}
          onLoad={(event) => setSize({ width: event.currentTarget.naturalWidth, height: event.currentTarget.naturalHeight })}
          onError={() => setBroken(true)}
        />
      )}
      {!first && (
        <button type="button" className={styles.turn} style={{ left: 12 }} aria-label={t.previous} title={t.previousTip} onClick={() => onTurn(-1)}>
          <ChevronLeft size={22} aria-hidden />
        </button>
      )}
      {!last && (
        <button type="button" className={styles.turn} style={{ right: 12 }} aria-label={t.next} title={t.nextTip} onClick={() => onTurn(1)}>
          <ChevronRight size={22} aria-hidden />
        </button>
      )}
      {size && (
        <div className={styles.zoom}>
          <Tool label={t.zoomOut} title={t.smaller} onClick={() => pan.zoomBy(0.8)}>
            <ZoomOut size={15} />
          </Tool>
          <button type="button" className={styles.tool} title={t.actual} aria-label={t.zoomOf(`${Math.round(view.scale * 100)}%`)} onClick={pan.actual}>
            {Math.round(view.scale * 100)}%
          </button>
          <Tool label={t.zoomIn} title={t.larger} onClick={() => pan.zoomBy(1.25)}>
            <ZoomIn size={15} />
          </Tool>
          <Tool label={t.fit} title={t.fitTip} onClick={pan.fit}>
            <Maximize size={15} />
          </Tool>
          <span className={styles.count}>
            {size.width} × {size.height}
          </span>
        </div>
      )}
    </div>
  );
}

function Facts({ picture, facts }: { picture: ShownPicture; facts: NonNullable<PictureViewerProps["facts"]> }) {
  const { viewer: t } = useMessages();
  const [known, setKnown] = useState<PictureFacts | "asking" | null>("asking");
  const asked = useRef(facts);
  useEffect(() => {
    let wanted = true;
    asked.current(picture).then(
      (found) => wanted && setKnown(found),
      () => wanted && setKnown(null),
    );
    return () => {
      wanted = false;
    };
  }, [picture]);
  return (
    <aside className={styles.facts} aria-label={t.made} aria-busy={known === "asking"} tabIndex={0}>
      {known === "asking" && <p>{t.reading}</p>}
      {known === null && <p>{t.unknown}</p>}
      {known !== null &&
        known !== "asking" &&
        known.sections.map((section, index) => (
          <section key={index}>
            <h3>{section.title}</h3>
            <dl>
              {section.rows.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
    </aside>
  );
}

function Strip({ pictures, index, onIndex }: { pictures: readonly ShownPicture[]; index: number; onIndex: (index: number) => void }) {
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    row.current?.children[index]?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [index]);
  return (
    <div ref={row} className={styles.strip}>
      {pictures.map((one, place) => (
        <button key={`${place} ${one.url}`} type="button" aria-label={one.name} aria-current={place === index} onClick={() => onIndex(place)}>
          <img src={one.url} alt="" loading="lazy" decoding="async" draggable={false} />
        </button>
      ))}
    </div>
  );
}
