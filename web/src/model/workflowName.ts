// What a workflow file may be called: what the service takes, so that it can be told while it is typed.

const REFUSED = /[\\:*?"<>|\p{Cc}]/u;

/** Folders between slashes; none of them hidden, blank, or with spaces around it that nobody sees. */
export const isWorkflowName = (name: string): boolean => !REFUSED.test(name) && name.split("/").every((part) => part !== "" && part === part.trim() && !part.startsWith("."));
