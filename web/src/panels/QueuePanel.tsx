// What runs, what waits, what was: every job, with its pictures.
import { ArrowDown, ArrowUp, ChevronsUp, Pause, Play, RotateCcw, Square, Workflow, X } from "lucide-react";
import { useStore } from "zustand";
import { cancelJob, fileUrl, getJobWorkflow, moveJob, readFile, retryJob, type Job } from "@/api/client";
import { perform } from "@/commands/commands";
import { useMessages, type Messages } from "@/i18n/messages";
import { writeJson } from "@/model/json";
import { progressOf } from "@/model/runs";
import { shortTime } from "@/canvas/StateBadge";
import { useEditor } from "@/store/editor";
import { openDocument } from "@/store/files";
import styles from "@/panels/panels.module.css";

export function QueuePanel() {
  const editor = useEditor();
  const { queue: t, time } = useMessages();
  const jobs = useStore(editor.runs.store, (state) => state.jobs);
  const waiting = useStore(editor.runs.store, (state) => state.waiting);
  const paused = useStore(editor.runs.store, (state) => state.paused);
  const more = useStore(editor.runs.store, (state) => state.next !== null);
  const running = jobs.filter((job) => job.state === "running");
  const ended = jobs.filter((job) => job.state !== "queued" && job.state !== "running");
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
            {t.cancelAll}
          </button>
        )}
      </div>
      <div className={styles.scroll}>
        {running.length > 0 && <h3 className={styles.section}>{t.running}</h3>}
        {running.map((job) => (
          <RunningJob key={job.id} job={job} onCancel={() => act(cancelJob(job.id))} />
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
            <button type="button" className={styles.icon} aria-label={t.cancel} data-tip={t.cancel} onClick={() => act(cancelJob(job.id))}>
              <X size={14} />
            </button>
          </div>
        ))}
        {ended.length > 0 && <h3 className={styles.section}>{t.history}</h3>}
        {ended.map((job, index) => (
          <EndedJob key={job.id} job={job} earlier={ended.slice(index + 1).find((one) => picturesOf(one).length > 0)} onRetry={() => act(retryJob(job.id))} />
        ))}
        {jobs.length === 0 && <p className={styles.empty}>{t.empty}</p>}
        {more && (
          <button type="button" className={styles.more} onClick={() => act(editor.runs.more())}>
            {t.more}
          </button>
        )}
      </div>
    </>
  );
}

/** So many waiting jobs are listed; the heading counts them all. */
const MOST_WAITING = 100;

function RunningJob({ job, onCancel }: { job: Job; onCancel: () => void }) {
  const { runs } = useEditor();
  const { queue: t, time } = useMessages();
  const share = useStore(runs.store, (state) => (state.running[job.id] ? progressOf(state.running[job.id]!) : null));
  return (
    <div className={styles.job} data-testid="job" data-state={job.state}>
      <span className={styles.jobText}>
        {job.cancelling ? t.isCancelling : share === null ? t.isRunning : `${Math.round(share * 100)}%`} <span className={styles.faint}>{ago(job.started ?? job.created, time)}</span>
        <progress className={styles.bar} value={share ?? undefined} max={1} aria-label={t.howFar} />
      </span>
      <button type="button" className={styles.icon} aria-label={t.cancel} data-tip={t.cancel} onClick={onCancel}>
        <Square size={12} fill="currentColor" />
      </button>
    </div>
  );
}

const SHOWN = /\.(png|jpe?g|webp|gif|avif)$/i;

const picturesOf = (job: Job) => job.outputs.filter((one) => SHOWN.test(one.name));

/** `earlier`: the job before it that made a picture, to compare with. */
function EndedJob({ job, earlier, onRetry }: { job: Job; earlier: Job | undefined; onRetry: () => void }) {
  const editor = useEditor();
  const { queue: t, time } = useMessages();
  const pictures = picturesOf(job);
  const before = earlier && picturesOf(earlier)[0];
  const shown = (one: { folder: string; name: string }) => ({ url: fileUrl(one.folder, one.name), name: one.name, ...(before ? { before: fileUrl(before.folder, before.name) } : {}) });
  const open = async () => {
    const kept = await getJobWorkflow(job.id);
    const { document, problems } = await readFile(new Blob([writeJson(kept)]));
    openDocument(editor, document, problems.length > 0 ? { report: { source: t.theJob, problems } } : {});
  };
  return (
    <div className={styles.ended} data-testid="job" data-state={job.state}>
      <div className={styles.jobLine}>
        <span className={styles.state} data-state={job.state}>
          {t.states[job.state] ?? job.state}
        </span>
        <span className={styles.faint}>
          {[job.seconds ? shortTime(job.seconds) : "", counted(job, t), ago(job.finished ?? job.created, time)].filter(Boolean).join("  ·  ")}
        </span>
        <button type="button" className={styles.icon} aria-label={t.again} data-tip={t.again} onClick={onRetry}>
          <RotateCcw size={13} />
        </button>
        <button type="button" className={styles.icon} aria-label={t.openWorkflow} data-tip={t.openWorkflow} onClick={() => void open().catch((error: unknown) => editor.fail(error))}>
          <Workflow size={13} />
        </button>
      </div>
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
}

function counted(job: Job, t: Messages["queue"]): string {
  const ran = job.nodes?.["ran"];
  const cached = job.nodes?.["cached"];
  if (ran === undefined) return "";
  return t.ran(ran, cached ?? 0);
}

const between = (before: Job | undefined, next: Job): number => (before ? (before.number + next.number) / 2 : next.number - 1);
const after = (before: Job, next: Job | undefined): number => (next ? (before.number + next.number) / 2 : before.number + 1);

/** How long ago a time is, in seconds since 1970. */
export function ago(then: number, t: Messages["time"]): string {
  const seconds = Math.max(0, Date.now() / 1000 - then);
  if (seconds < 50) return t.now;
  if (seconds < 3600) return t.minutes(Math.round(seconds / 60));
  if (seconds < 86400) return t.hours(Math.round(seconds / 3600));
  return new Date(then * 1000).toLocaleDateString();
}
