// A service that answers as a test tells it to.
import { vi } from "vitest";

type Answer = (query: URLSearchParams, sent: unknown) => unknown;

export class ToldService {
  /** What was asked, in order: `GET api/v1/queue`. */
  readonly asked: string[] = [];
  private readonly answers = new Map<string, Answer>();

  constructor() {
    vi.stubGlobal("fetch", async (path: string, { method, signal, body }: RequestInit) => {
      const { pathname, searchParams } = new URL(path, "http://service/");
      const what = `${method} ${pathname.slice(1)}`;
      this.asked.push(what);
      const given = await this.answers.get(what)?.(searchParams, typeof body === "string" ? JSON.parse(body) : body);
      signal?.throwIfAborted();
      return given instanceof Response ? given : given === undefined ? refusal(404, "unknown") : new Response(JSON.stringify(given));
    });
  }

  /** From now on this is answered so. */
  on(what: string, answer: Answer): void {
    this.answers.set(what, answer);
  }
}

export const refusal = (status: number, code: string, problems: unknown[] = []): Response => new Response(JSON.stringify({ code, detail: code, problems }), { status });

/** An answer that is on its way until it is let come. */
export function held<T>(): { answer: () => Promise<T>; come: (given: T) => void } {
  let come!: (given: T) => void;
  const coming = new Promise<T>((done) => (come = done));
  return { answer: () => coming, come };
}
