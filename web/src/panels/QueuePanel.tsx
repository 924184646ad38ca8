// What runs, what waits, what was: every job, with its pictures.
import { useRef } from "react";
import { ArrowDown, ArrowUp, ChevronsUp, RotateCcw, Square, Workflow, X } from "lucide-react";
import { useStore } from "zustand";
import { cancelJob, fileUrl, getJobWorkflow, moveJob, readFile, retryJob, type Job } from "@/api/client";
import { writeJson } from "@/model/json";
import { progressOf } from "@/model/runs";
import { shortTime } from "@/canvas/StateBadge";
import { useEditor } from "@/store/editor";
import { openDocument } from "@/store/files";
import styles from "@/panels/panels.module.css";

export function QueuePanel() {
  const editor = useEditor();
  const jobs = useStore(editor.runs.store, (state) => state.jobs);
  const more = useStore(editor.runs.store, (state) => state.next !== null);
  const waiting = jobs.filter((job) => job.state === "queued").sort((one, other) => one.number - other.number);
  const running = jobs.filter((job) => job.state === "running");
  const ended = jobs.filter((job) => job.state !== "queued" && job.state !== "running");
  const act = (work: Promise<unknown>) => void work.then(() => editor.runs.refresh(), (error: unknown) => editor.fail(error));
  const list = useRef<HTMLDivElement>(null);
  return (
    <div className={styles.scroll} ref={list}>
      {running.length > 0 && <h3 className={styles.section}>Running</h3>}
      {running.map((job) => (
        <RunningJob key={job.id} job={job} onCancel={() => act(cancelJob(job.id))} />
      ))}
      {waiting.length > 0 && (
        <h3 className={styles.section}>
          Waiting <span className={styles.faint}>{waiting.length}</span>
          <button type="button" className={styles.textButton} onClick={() => act(Promise.all(waiting.map((job) => cancelJob(job.id))))}>
            Cancel all
          </button>
        </h3>
      )}
      {waiting.map((job, index) => (
        <div key={job.id} className={styles.job} data-testid="job" data-state={job.state}>
          <span className={styles.jobNumber}>{index + 1}</span>
          <span className={styles.jobText}>
            waiting <span className={styles.faint}>{ago(job.created)}</span>
          </span>
          <button type="button" className={styles.icon} aria-label="Run first" data-tip="Run first" disabled={index === 0} onClick={() => act(moveJob(job.id, { front: true }))}>
            <ChevronsUp size={14} />
          </button>
          <button type="button" className={styles.icon} aria-label="Run earlier" data-tip="Run earlier" disabled={index === 0} onClick={() => act(moveJob(job.id, { number: between(waiting[index - 2], waiting[index - 1]!) }))}>
            <ArrowUp size={14} />
          </button>
          <button type="button" className={styles.icon} aria-label="Run later" data-tip="Run later" disabled={index === waiting.length - 1} onClick={() => act(moveJob(job.id, { number: after(waiting[index + 1]!, waiting[index + 2]) }))}>
            <ArrowDown size={14} />
          </button>
          <button type="button" className={styles.icon} aria-label="Cancel" data-tip="Cancel" onClick={() => act(cancelJob(job.id))}>
            <X size={14} />
          </button>
        </div>
      ))}
      {ended.length > 0 && <h3 className={styles.section}>History</h3>}
      {ended.map((job) => (
        <EndedJob key={job.id} job={job} onRetry={() => act(retryJob(job.id))} />
      ))}
      {jobs.length === 0 && <p className={styles.empty}>Nothing has run yet. What you run appears here, with its pictures, and stays.</p>}
      {more && (
        <button type="button" className={styles.more} onClick={() => act(editor.runs.more())}>
          Show earlier ones
        </button>
      )}
    </div>
  );
}

function RunningJob({ job, onCancel }: { job: Job; onCancel: () => void }) {
  const { runs } = useEditor();
  const share = useStore(runs.store, (state) => (state.running[job.id] ? progressOf(state.running[job.id]!) : null));
  return (
    <div className={styles.job} data-testid="job" data-state={job.state}>
      <span className={styles.jobText}>
        {job.cancelling ? "cancelling" : share === null ? "running" : `${Math.round(share * 100)}%`} <span className={styles.faint}>{ago(job.started ?? job.created)}</span>
        <progress className={styles.bar} value={share ?? undefined} max={1} aria-label="How far" />
      </span>
      <button type="button" className={styles.icon} aria-label="Cancel" data-tip="Cancel" onClick={onCancel}>
        <Square size={12} fill="currentColor" />
      </button>
    </div>
  );
}

const SHOWN = /\.(png|jpe?g|webp|gif|avif)$/i;

function EndedJob({ job, onRetry }: { job: Job; onRetry: () => void }) {
  const editor = useEditor();
  const pictures = job.outputs.filter((one) => SHOWN.test(one.name));
  const open = async () => {
    const kept = await getJobWorkflow(job.id);
    const { document, problems } = await readFile(new Blob([writeJson(kept)]));
    openDocument(editor, document, problems.length > 0 ? { report: { source: "the job", problems } } : {});
  };
  return (
    <div className={styles.ended} data-testid="job" data-state={job.state}>
      <div className={styles.jobLine}>
        <span className={styles.state} data-state={job.state}>
          {job.state}
        </span>
        <span className={styles.faint}>
          {[job.seconds ? shortTime(job.seconds) : "", counted(job), ago(job.finished ?? job.created)].filter(Boolean).join("  ·  ")}
        </span>
        <button type="button" className={styles.icon} aria-label="Run again" data-tip="Run again" onClick={onRetry}>
          <RotateCcw size={13} />
        </button>
        <button type="button" className={styles.icon} aria-label="Open its workflow" data-tip="Open its workflow" onClick={() => void open().catch((error: unknown) => editor.fail(error))}>
          <Workflow size={13} />
        </button>
      </div>
      {job.error && <p className={styles.jobError}>{job.error.message}</p>}
      {pictures.length > 0 && (
        <div className={styles.thumbs}>
          {pictures.map((one) => (
            <button key={one.url} type="button" aria-label={`Look at ${one.name}`} onClick={() => editor.view.set({ picture: { ...shown(one), among: pictures.map(shown) } })}>
              <img src={fileUrl(one.folder, one.name)} alt="" loading="lazy" decoding="async" />
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

const shown = (one: { folder: string; name: string }) => ({ url: fileUrl(one.folder, one.name), name: one.name });

function counted(job: Job): string {
  const ran = job.nodes?.["ran"];
  const cached = job.nodes?.["cached"];
  if (ran === undefined) return "";
  return cached ? `${ran} ran, ${cached} cached` : `${ran} ran`;
}

const between = (before: Job | undefined, next: Job): number => (before ? (before.number + next.number) / 2 : next.number - 1);
const after = (before: Job, next: Job | undefined): number => (next ? (before.number + next.number) / 2 : before.number + 1);

export function ago(time: number): string {
  const seconds = Math.max(0, Date.now() / 1000 - time);
  if (seconds < 50) return "just now";
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(time * 1000).toLocaleDateString();
}
