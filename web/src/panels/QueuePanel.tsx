// What runs, what waits, what was: every job, with its pictures.
import { useCallback, useMemo, useState } from "react";
import { ArrowDown, ArrowUp, ChevronsUp, Pause, Play, Square, X } from "lucide-react";
import { useStore } from "zustand";
import { cancelJob, moveJob, type Job } from "@/api/client";
import { perform } from "@/commands/commands";
import { useMessages } from "@/i18n/messages";
import { ENDED, progressOf } from "@/model/runs";
import { ago } from "@/panels/ago";
import { useDifferences } from "@/panels/differing";
import { History } from "@/panels/History";
import { ClearHistory } from "@/panels/ClearHistory";
import { JobName } from "@/panels/JobName";
import { OpenWorkflow } from "@/panels/OpenWorkflow";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function QueuePanel() {
  const editor = useEditor();
  const { queue: t, time } = useMessages();
  const jobs = useStore(editor.runs.store, (state) => state.jobs);
  const waiting = useStore(editor.runs.store, (state) => state.waiting);
  const paused = useStore(editor.runs.store, (state) => state.paused);
  const more = useStore(editor.runs.store, (state) => state.next !== null);
  const running = useMemo(() => jobs.filter((job) => job.state === "running"), [jobs]);
  const differing = useDifferences(useMemo(() => [...running, ...waiting], [running, waiting]));
  const leaving = useStore(editor.forgetting.store, (state) => state.leaving);
  const ended = jobs.filter((job) => ENDED.has(job.state) && !leaving.has(job.id));
  const [clearing, setClearing] = useState(false);
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const further = useCallback(() => void editor.runs.more().catch((error: unknown) => editor.fail(error)), [editor]);
  const act = (work: Promise<unknown>) => void work.then(() => editor.runs.refresh(), (error: unknown) => editor.fail(error));
  return (
    <>
      <div className={styles.queueBar} data-paused={paused}>
        <p>{paused ? t.paused : ""}</p>
        <button type="button" className={styles.textButton} data-testid="pause" data-tip={paused ? undefined : t.pauseTip} onClick={() => perform(editor, "pause")}>
          {paused ? <Play size={12} aria-hidden /> : <Pause size={12} aria-hidden />} {paused ? t.continue : t.pause}
        </button>
        {waiting.length > 0 && (
          <button type="button" className={styles.textButton} style={{ marginLeft: 0 }} onClick={() => act(Promise.all(waiting.map((job) => cancelJob(job.id))))}>
            {t.cancelWaiting}
          </button>
        )}
      </div>
      <div ref={setScroller} className={styles.scroll}>
        {running.length > 0 && <h3 className={styles.section}>{t.running}</h3>}
        {running.map((job) => (
          <RunningJob key={job.id} job={job} differing={differing.get(job.id)} onCancel={() => act(cancelJob(job.id))} />
        ))}
        {waiting.length > 0 && (
          <h3 className={styles.section}>
            {t.waiting} <span className={styles.faint}>{waiting.length}</span>
          </h3>
        )}
        {waiting.slice(0, MOST_WAITING).map((job, index) => (
          <div key={job.id} className={styles.job} data-testid="job" data-state={job.state} data-job={job.id}>
            <span className={styles.jobNumber}>{index + 1}</span>
            <span className={styles.jobText}>
              <JobName job={job} />
              {t.isWaiting} <span className={styles.faint}>{ago(job.created, time)}</span>
            </span>
            <button type="button" className={styles.icon} aria-label={t.first} data-tip={t.first} disabled={index === 0} onClick={() => act(moveJob(job.id, { front: true }))}>
              <ChevronsUp size={14} />
            </button>
            <button type="button" className={styles.icon} aria-label={t.earlier} data-tip={t.earlier} disabled={index === 0} onClick={() => act(moveJob(job.id, { number: between(waiting[index - 2], waiting[index - 1]!) }))}>
              <ArrowUp size={14} />
            </button>
            <button type="button" className={styles.icon} aria-label={t.later} data-tip={t.later} disabled={index === waiting.length - 1} onClick={() => act(moveJob(job.id, { number: after(waiting[index + 1]!, waiting[index + 2]) }))}>
              <ArrowDown size={14} />
            </button>
            <OpenWorkflow job={job.id} />
            <button type="button" className={styles.icon} aria-label={t.cancel} data-tip={t.cancel} onClick={() => act(cancelJob(job.id))}>
              <X size={14} />
            </button>
            <Differing words={differing.get(job.id)} />
          </div>
        ))}
        {ended.length > 0 && (
          <h3 className={styles.section}>
            {t.history}
            <button type="button" className={styles.textButton} aria-label={t.clearHistory} onClick={() => setClearing(true)}>
              {t.clear}
            </button>
          </h3>
        )}
        <History jobs={ended} scroller={scroller} onNear={more ? further : null} />
        {running.length + waiting.length + ended.length === 0 && !more && <p className={styles.empty}>{t.empty}</p>}
        {more && (
          <button type="button" className={styles.more} onClick={further}>
            {t.more}
          </button>
        )}
      </div>
      {clearing && <ClearHistory onClose={() => setClearing(false)} />}
    </>
  );
}

/** So many waiting jobs are listed; the heading counts them all. */
const MOST_WAITING = 100;

function Differing({ words }: { words: string | undefined }) {
  if (!words) return null;
  return (
    <p className={styles.jobDiffers} title={words} dir="auto" data-testid="job-differs">
      {words}
    </p>
  );
}

function RunningJob({ job, differing, onCancel }: { job: Job; differing: string | undefined; onCancel: () => void }) {
  const { runs } = useEditor();
  const { queue: t, time } = useMessages();
  const share = useStore(runs.store, (state) => (state.running[job.id] ? progressOf(state.running[job.id]!) : null));
  return (
    <div className={styles.job} data-testid="job" data-state={job.state}>
      <span className={styles.jobText}>
        <JobName job={job} />
        {job.cancelling ? t.isCancelling : share === null ? t.isRunning : `${Math.round(share * 100)}%`} <span className={styles.faint}>{ago(job.started ?? job.created, time)}</span>
        <progress className={styles.bar} value={share ?? undefined} max={1} aria-label={t.howFar} />
      </span>
      <OpenWorkflow job={job.id} />
      <button type="button" className={styles.icon} aria-label={t.cancel} data-tip={t.cancel} onClick={onCancel}>
        <Square size={12} fill="currentColor" />
      </button>
      <Differing words={differing} />
    </div>
  );
}

const between = (before: Job | undefined, next: Job): number => (before ? (before.number + next.number) / 2 : next.number - 1);
const after = (before: Job, next: Job | undefined): number => (next ? (before.number + next.number) / 2 : before.number + 1);
