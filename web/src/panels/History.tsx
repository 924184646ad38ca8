// The jobs that are over, the latest first. However many there are, only those in view are elements; how high each is, is known once it
// has been drawn, and until then told by what is in it.
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type MouseEvent } from "react";
import { flushSync } from "react-dom";
import { RotateCcw, Trash2 } from "lucide-react";
import { fileUrl, retryJob, type Job } from "@/api/client";
import { shortTime } from "@/model/durations";
import { wordsIn } from "@/model/runs";
import { useMessages, type Messages } from "@/i18n/messages";
import { inView, offsetsOf } from "@/model/virtual";
import { ago } from "@/panels/ago";
import { focusHeading } from "@/panels/heading";
import { JobName } from "@/panels/JobName";
import { OpenWorkflow } from "@/panels/OpenWorkflow";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

const LINE = 36;
const NAME = 18;
const COST = 18;
const ERROR = 40;
const THUMB = 89;
const THUMBS_IN_A_ROW = 3;
/** So near the end, in jobs, earlier ones are asked for. */
const NEAR = 10;

interface HistoryProps {
  jobs: readonly Job[];
  /** What is scrolled. */
  scroller: HTMLElement | null;
  /** Called when the end comes near; null where there are no earlier jobs. */
  onNear: (() => void) | null;
}

export function History({ jobs, scroller, onNear }: HistoryProps) {
  const list = useRef<HTMLDivElement>(null);
  const [measured, setMeasured] = useState<ReadonlyMap<string, number>>(() => new Map());
  const [view, setView] = useState({ top: 0, height: 0 });
  const offsets = useMemo(() => offsetsOf(jobs.map((job) => measured.get(job.id) ?? guessed(job))), [jobs, measured]);
  const earlier = useMemo(() => picturesBefore(jobs), [jobs]);
  const { from, to } = inView(offsets, view.top, view.height);

  const look = useCallback(() => {
    if (!scroller) return;
    const top = scroller.getBoundingClientRect().top - list.current!.getBoundingClientRect().top;
    setView((before) => (before.top === top && before.height === scroller.clientHeight ? before : { top, height: scroller.clientHeight }));
  }, [scroller]);
  useLayoutEffect(look); // what is above the list comes and goes
  useEffect(() => {
    if (!scroller) return;
    const sizes = new ResizeObserver(look);
    sizes.observe(scroller);
    scroller.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      scroller.removeEventListener("scroll", look);
    };
  }, [scroller, look]);

  useLayoutEffect(() => {
    const found = [...list.current!.children].map((one, index) => [jobs[from + index]?.id ?? "", one.getBoundingClientRect().height] as const);
    const news = found.filter(([id, height]) => height > 0 && measured.get(id) !== height);
    if (news.length > 0) setMeasured(new Map([...measured, ...news]));
  }, [jobs, from, to, measured]);

  const asked = useRef(-1);
  useEffect(() => {
    if (!onNear || view.height === 0 || to < jobs.length - NEAR || asked.current === jobs.length) return;
    asked.current = jobs.length;
    onNear();
  }, [onNear, to, jobs.length, view.height]);

  return (
    <div ref={list} style={{ paddingTop: offsets[from], paddingBottom: (offsets[jobs.length] ?? 0) - (offsets[to] ?? 0) }}>
      {jobs.slice(from, to).map((job, index) => (
        <EndedJob key={job.id} job={job} earlier={earlier[from + index]} />
      ))}
    </div>
  );
}

function guessed(job: Job): number {
  const pictures = Math.ceil(picturesOf(job).length / THUMBS_IN_A_ROW);
  return LINE + (job.name ? NAME : 0) + (toldBy(job) ? COST : 0) + (job.seconds || job.nodes ? COST : 0) + (job.error ? ERROR : 0) + pictures * THUMB;
}

const LONGEST_TOLD = 120;

/** The first that its nodes told in words, as much as fits into a line. */
const toldBy = ({ texts }: Job): string => wordsIn(Object.values(texts)[0], LONGEST_TOLD);

/** For each job the one before it that made a picture. */
function picturesBefore(jobs: readonly Job[]): (Job | undefined)[] {
  let last: Job | undefined;
  return [...jobs]
    .reverse()
    .map((job) => {
      const before = last;
      if (picturesOf(job).length > 0) last = job;
      return before;
    })
    .reverse();
}

const SHOWN = /\.(png|jpe?g|webp|gif|avif)$/i;

const picturesOf = (job: Job) => job.outputs.filter((one) => SHOWN.test(one.name));

/** `earlier`: the job before it that made a picture, to compare with. */
const EndedJob = memo(function EndedJob({ job, earlier }: { job: Job; earlier: Job | undefined }) {
  const editor = useEditor();
  const { queue: t, time } = useMessages();
  const pictures = picturesOf(job);
  const cost = costOf(job, t);
  const before = earlier && picturesOf(earlier)[0];
  const shown = (one: { folder: string; name: string }) => ({ url: fileUrl(one.folder, one.name), name: one.name, ...(before ? { before: fileUrl(before.folder, before.name) } : {}) });
  const forget = (event: MouseEvent<HTMLButtonElement>) => {
    const row = event.currentTarget.closest("[data-job]");
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    focusEntry(next ?? null); // the button goes, the keyboard stays in the panel
    editor.forgetting.take(job.id, (bringBack) => {
      const run = () => {
        flushSync(bringBack);
        if (editor.view.store.getState().panel !== "queue") editor.canvas?.focus();
        else focusEntry(document.querySelector(`[data-job="${job.id}"]`));
      };
      return editor.view.say(t.forgotten(job.name ?? ""), "info", { label: t.bringBack, run });
    });
  };
  const again = () => void retryJob(job.id).then(() => editor.runs.refresh(), (error: unknown) => editor.fail(error));
  return (
    <div className={styles.ended} data-testid="job" data-state={job.state} data-job={job.id}>
      <JobName job={job} />
      <div className={styles.jobLine}>
        <span className={styles.state} data-state={job.state}>
          {t.states[job.state] ?? job.state}
        </span>
        <span className={styles.jobWhen}>{ago(job.finished ?? job.created, time)}</span>
        <button type="button" className={styles.icon} aria-label={t.again} data-tip={t.again} onClick={again}>
          <RotateCcw size={13} />
        </button>
        <OpenWorkflow job={job.id} />
        <button type="button" className={styles.icon} aria-label={t.forget} data-tip={t.forget} data-forget onClick={forget}>
          <Trash2 size={13} />
        </button>
      </div>
      {cost && <p className={styles.jobCost}>{cost}</p>}
      {toldBy(job) && <p className={styles.jobTold}>{toldBy(job)}</p>}
      {job.error && <p className={styles.jobError}>{job.error.message}</p>}
      {pictures.length > 0 && (
        <div className={styles.thumbs}>
          {pictures.map((one) => (
            <button key={one.url} type="button" aria-label={t.lookAt(one.name)} onClick={() => editor.view.set({ picture: { ...shown(one), among: pictures.map(shown) } })}>
              <img src={fileUrl(one.folder, one.name)} alt="" loading="lazy" decoding="async" />
            </button>
          ))}
        </div>
      )}
    </div>
  );
});

/** Go to an entry of the list; where there is none in view, to the heading. */
function focusEntry(row: Element | null): void {
  const button = row?.querySelector<HTMLElement>("[data-forget]");
  if (button) button.focus();
  else focusHeading();
}

/** How long it took, and what of it had to run. */
function costOf(job: Job, t: Messages["queue"]): string {
  const ran = job.nodes?.["ran"];
  const counted = ran === undefined ? "" : t.ran(ran, job.nodes?.["cached"] ?? 0);
  return [job.seconds ? shortTime(job.seconds) : "", counted].filter(Boolean).join("  ·  ");
}
