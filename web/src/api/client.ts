// The service's HTTP interface, a function for each thing that the editor asks. Errors are `ServiceError`, with the stable code.
import { readJson, writeJson } from "@/model/json";
import type { NodeSpec } from "@/model/catalogue";
import type { Document } from "@/model/document";
import type { PlanSummary } from "@/model/plan";
import { token, withToken } from "@/api/token";
import type { Failure, JobEvent, JobState } from "@/model/runs";

/** One thing that is wrong, and where; as the service tells it. */
export interface Problem {
  code: string;
  message: string;
  node?: string | null;
  input?: string | null;
  path?: string | null;
  hint?: string | null;
  severity?: "error" | "warning";
}

/** An answer that is no success, or no answer at all (`code` is then `unreachable`). */
export class ServiceError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
  }
}

/** A job as the service tells of it. Times are seconds since 1970. */
export interface Job {
  id: string;
  state: JobState;
  number: number;
  client: string | null;
  /** The name of its workflow. */
  name: string | null;
  attempts: number;
  cancelling: boolean;
  created: number;
  started: number | null;
  finished: number | null;
  seconds: number | null;
  nodes: Record<string, number> | null;
  outputs: { node: string; folder: string; name: string; bytes: number; url: string }[];
  texts: Record<string, string[]>;
  error: Failure | null;
  warnings?: Problem[];
  /** What was drawn for inputs that were "random", by node and input. */
  seeds?: Record<string, Record<string, number>>;
  /** The same for prompts that left words open. */
  prompts?: Record<string, Record<string, string>>;
}

export interface JobRequest {
  workflow: Document;
  /** What it is called in lists; the name in the document, if left out. */
  name?: string;
  targets?: string[];
  scope?: string;
  client?: string;
  front?: boolean;
}

export const getNodes = () => json<NodeSpec[]>("GET", "api/v1/nodes");
export const getModels = () => json<Record<string, string[]>>("GET", "api/v1/models");
/** The folders of models with the directories that they are, the first of which new files go to. */
export const getModelDirectories = () => json<{ name: string; folders: string[] }[]>("GET", "experiment/models");
/** The models that have a picture beside them, by folder. */
export const getModelPictures = () => json<Record<string, string[]>>("GET", "api/v1/model-pictures");
export const modelPictureUrl = (folder: string, name: string) => withToken(`api/v1/model-pictures/${encodeURIComponent(folder)}/${path(name)}`);
export const getPlan = (document: Document, scope: string, signal: AbortSignal) =>
  json<PlanSummary>("POST", `api/v1/plan?scope=${encodeURIComponent(scope)}`, document, signal);
export const validate = (document: unknown, signal?: AbortSignal) =>
  json<{ valid: boolean; problems: Problem[] }>("POST", "api/v1/validate", document, signal);
export const convert = (document: unknown, form: "latentgraph" | "comfyui" | "comfyui-api") =>
  json<{ document: unknown; problems: Problem[] }>("POST", `api/v1/convert/${form}`, { workflow: document });

export const submitJob = (job: JobRequest) => json<Job>("POST", "api/v1/jobs", job);
export const getJob = (id: string) => json<Job>("GET", `api/v1/jobs/${id}`);
export const cancelJob = (id: string) => json<Job>("POST", `api/v1/jobs/${id}/cancel`);
export const retryJob = (id: string) => json<Job>("POST", `api/v1/jobs/${id}/retry`);
/** Forget a job that has ended; what it saved stays. */
export const forgetJob = async (id: string) => void (await request("DELETE", `api/v1/jobs/${id}`, undefined, { keepalive: true })); // also when the page goes
export const clearHistory = () => json<{ forgotten: number }>("POST", "api/v1/history/clear");
export const moveJob = (id: string, place: { number: number } | { front: true }) => json<Job>("POST", `api/v1/jobs/${id}/move`, place);
export const getJobs = (query: { limit?: number; before?: number; state?: string } = {}) =>
  json<{ jobs: Job[]; next: number | null; counts: Record<string, number> }>("GET", `api/v1/jobs?${parameters(query)}`);
export interface Queue {
  paused: boolean;
  counts: Record<string, number>;
  /** In the order in which they will run. */
  waiting: Job[];
}

export const getQueue = () => json<Queue>("GET", "api/v1/queue");
export const pauseQueue = (paused: boolean) => json<Queue>("POST", `api/v1/queue/${paused ? "pause" : "resume"}`);
export const getEvents = async (id: string, after: number) =>
  (await json<{ events: JobEvent[] }>("GET", `api/v1/jobs/${id}/events?after=${after}`)).events;

/** The workflow of a job, also of one that waits or runs. */
export const getJobWorkflow = async (id: string) => (await json<{ document: Document }>("GET", `api/v1/jobs/${id}/workflow`)).document;

/** Where a file of the service's folders can be fetched: as it is, or one part of a picture. */
export function fileUrl(folder: string, name: string, channel?: "rgb" | "a"): string {
  const slash = name.lastIndexOf("/");
  const query = { filename: name.slice(slash + 1), subfolder: slash < 0 ? "" : name.slice(0, slash), type: folder };
  return withToken(`view?${parameters({ ...query, ...(channel ? { channel } : {}) })}`);
}

/** How a prompt is dealt into tokens by the tokenizer of a checkpoint, with null by CLIP's. Chunks begin at characters as Python counts them; of very many the later ones do not say where. */
export const countTokens = (text: string, checkpoint: string | null, signal: AbortSignal) => json<{ chunks: { tokens: number; from?: number }[]; room: number }>("POST", "api/v1/tokens", { text, checkpoint }, signal);

/** The names of the files of a folder. */
export const getFiles = (folder: string) => json<string[]>("GET", `api/v1/files/${encodeURIComponent(folder)}`);

/** Keep a file in the input folder. Resolves to the name it has got. `onProgress` is told what has been sent, 0 to 1. */
export async function upload(file: Blob, name: string, onProgress?: (share: number) => void): Promise<string> {
  const form = new FormData();
  form.append("image", file, name);
  return kept(onProgress ? await sent("upload/image", form, onProgress) : await request("POST", "upload/image", form));
}

/** As `request`, for a form: `fetch` cannot say how much of it has been sent. */
async function sent(path: string, form: FormData, onProgress: (share: number) => void): Promise<Response> {
  const call = new XMLHttpRequest();
  call.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
  const response = await new Promise<Response>((done, failed) => {
    call.onload = () => done(new Response(call.responseText, { status: call.status, statusText: call.statusText }));
    call.onerror = () => failed(new ServiceError(0, "unreachable", "the service does not answer"));
    call.open("POST", path);
    const given = token();
    if (given !== null) call.setRequestHeader("Authorization", `Bearer ${given}`);
    call.send(form);
  });
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Keep a copy of a picture of the input folder with the transparency of another. */
export async function uploadMask(mask: Blob, original: string): Promise<string> {
  const slash = original.lastIndexOf("/");
  const form = new FormData();
  form.append("image", mask, `${original.slice(slash + 1).replace(/\.[^.]*$/, "")}-masked.png`);
  form.append("original_ref", JSON.stringify({ filename: original.slice(slash + 1), subfolder: slash < 0 ? "" : original.slice(0, slash), type: "input" }));
  return kept(await request("POST", "upload/mask", form));
}

async function kept(response: Response): Promise<string> {
  const { name, subfolder } = (await response.json()) as { name: string; subfolder: string };
  return subfolder ? `${subfolder}/${name}` : name;
}

function parameters(query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
}

export async function json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(method, path, body, signal ? { signal } : {});
  return readJson(await response.text()) as T;
}

/** How a request is made. */
interface Making {
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Go on with it when the page goes. */
  keepalive?: boolean;
}

export async function request(method: string, path: string, body?: unknown, { signal, headers = {}, keepalive = false }: Making = {}): Promise<Response> {
  const isRaw = body instanceof FormData || body instanceof Blob;
  let response: Response;
  const given = token();
  if (given !== null) headers = { Authorization: `Bearer ${given}`, ...headers };
  try {
    response = await fetch(path, {
      method,
      keepalive,
      signal: signal ?? null,
      headers: body === undefined || isRaw ? headers : { "Content-Type": "application/json", ...headers },
      body: isRaw ? body : body === undefined ? null : writeJson(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServiceError(0, "unreachable", "the service does not answer");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** What a refusal says, if it is one of the service's own; ComfyUI's routes answer in plain text, and what is in between in HTML. */
function problemIn(text: string): { code?: string; detail?: string; problems?: Problem[] } {
  try {
    const told: unknown = JSON.parse(text);
    return told !== null && typeof told === "object" ? told : {};
  } catch {
    return {};
  }
}

const LONGEST_REFUSAL = 500;

async function problemOf(response: Response): Promise<ServiceError> {
  const text = await response.text().catch(() => "");
  const told = problemIn(text);
  const plain = response.headers.get("Content-Type")?.startsWith("text/plain") ? text.trim().slice(0, LONGEST_REFUSAL) : "";
  const message = told.detail ?? (plain || response.statusText || `HTTP ${response.status}`);
  return new ServiceError(response.status, told.code ?? `http_${response.status}`, message, told.problems);
}

export const listWorkflows = () => json<string[]>("GET", "api/v1/workflows");

/** The names of those that came with the service, or of those that the user saved. */
export const listWorkflowsOf = (whose: "shipped" | "user") => json<string[]>("GET", `api/v1/workflows?whose=${whose}`);

/** A workflow of the service, and which version of it this is. */
export async function getWorkflow(name: string): Promise<{ document: Document; version?: string }> {
  const response = await request("GET", `api/v1/workflows/${path(name)}`);
  const { document } = readJson(await response.text()) as { document: Document };
  return { document, ...versionIn(response) };
}

/**
 * Keep a workflow as a new version: over that one version only, only where there is none (null), or over whatever is there
 * (undefined). Raises ServiceError with status 412 when it is otherwise.
 */
export async function saveWorkflow(name: string, document: Document, over: string | null | undefined): Promise<{ version?: string }> {
  const headers: Record<string, string> = over === null ? { "If-None-Match": "*" } : over ? { "If-Match": over } : {};
  return versionIn(await request("PUT", `api/v1/workflows/${path(name)}`, document, { headers }));
}

/** Take a workflow away; its versions stay. */
export const deleteWorkflow = async (name: string) => void (await request("DELETE", `api/v1/workflows/${path(name)}`));

export interface SavedVersion {
  version: number;
  created: number;
  etag?: string | null;
}

export const listVersions = async (name: string) => (await json<{ versions: SavedVersion[] }>("GET", `api/v1/workflows/${path(name)}/versions`)).versions;
export const getVersion = async (name: string, version: number) => (await json<{ document: Document }>("GET", `api/v1/workflows/${path(name)}/versions/${version}`)).document;

/** The workflow that a file holds, in our form. */
export async function readFile(file: Blob): Promise<{ document: Document; problems: Problem[] }> {
  const response = await request("POST", "upload/workflow", file);
  return readJson(await response.text()) as { document: Document; problems: Problem[] };
}

const path = (name: string) => name.split("/").map(encodeURIComponent).join("/");

function versionIn(response: Response): { version?: string } {
  const version = response.headers.get("ETag");
  return version ? { version } : {};
}

/** The picture beside a workflow file, of what it makes. */
export const templatePicture = (name: string) => withToken(`templates/${path(name)}.png`);

/** Where the events are, for one connection. A service that asks for a token gives a word that opens it once. */
export async function eventsUrl(): Promise<string> {
  const url = new URL("api/v1/events", window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  if (token() !== null) url.searchParams.set("ticket", (await json<{ ticket: string }>("POST", "api/v1/tickets")).ticket);
  return url.href;
}
