// The service's events, over one connection that comes back by itself. Kept events have numbers; who listens asks for what it
// missed when the connection is there again (`onOpen`). Pictures come as binary messages: two lengths, JSON, picture.
import type { JobEvent } from "@/model/runs";

export interface SocketListener {
  onOpen: () => void;
  onClose: () => void;
  /** Why it cannot be tried at all: the service does not let this page in, say. It is tried again all the same. */
  onRefused: (error: unknown) => void;
  onEvent: (event: JobEvent, picture?: Blob) => void;
}

const LONGEST_PAUSE = 5000;

export class EventSocket {
  private socket: WebSocket | null = null;
  private pause = 250;
  private timer: number | undefined;
  private closed = false;
  private opening = false;

  constructor(
    private readonly url: () => Promise<string>,
    private readonly listener: SocketListener,
  ) {}

  open(): void {
    this.closed = false;
    this.attempt();
  }

  private attempt(): void {
    if (this.closed || this.opening) return;
    this.opening = true;
    this.url().then(
      (url) => {
        this.opening = false;
        this.connect(url);
      },
      (error: unknown) => {
        this.opening = false;
        this.listener.onRefused(error);
        this.lost();
      },
    );
  }

  private connect(url: string): void {
    if (this.closed) return;
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.pause = 250;
      this.listener.onOpen();
    };
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") this.listener.onEvent(JSON.parse(data) as JobEvent);
      else this.listener.onEvent(...unpacked(data));
    };
    socket.onclose = () => this.socket === socket && this.lost();
  }

  private lost(): void {
    if (this.closed) return;
    this.listener.onClose();
    this.timer = window.setTimeout(() => this.attempt(), this.pause);
    this.pause = Math.min(LONGEST_PAUSE, this.pause * 1.7);
  }

  /** Try again now, not when the pause is over. */
  retry(): void {
    if (this.socket?.readyState === WebSocket.OPEN || this.socket?.readyState === WebSocket.CONNECTING) return;
    window.clearTimeout(this.timer);
    this.attempt();
  }

  close(): void {
    this.closed = true;
    window.clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }
}

function unpacked(data: ArrayBuffer): [JobEvent, Blob] {
  const view = new DataView(data);
  const length = view.getUint32(0);
  const event = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, length))) as JobEvent;
  return [event, new Blob([new Uint8Array(data, 8 + length)], { type: "image/jpeg" })];
}
