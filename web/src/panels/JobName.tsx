// What a job is called in the queue and the history: as its workflow was when it was asked for.
import type { Job } from "@/api/client";
import styles from "@/panels/panels.module.css";

export function JobName({ job }: { job: Job }) {
  if (!job.name) return null;
  return (
    <span className={styles.jobName} title={job.name} dir="auto" data-testid="job-name">
      {job.name}
    </span>
  );
}
