// The service's HTTP interface, a function for each thing that the editor asks. Errors are `ServiceError`, with the stable code.
import type { NodeSpec } from "@/model/catalogue";

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

export const getNodes = () => json<NodeSpec[]>("GET", "api/v1/nodes");

async function json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(method, path, body, signal);
  return (await response.json()) as T;
}

async function request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      signal: signal ?? null,
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServiceError(0, "unreachable", "the service does not answer");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response: Response): Promise<ServiceError> {
  const told = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; problems?: Problem[] };
  return new ServiceError(response.status, told.code ?? `http_${response.status}`, told.detail ?? response.statusText, told.problems);
}
