import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventSocket } from "@/api/socket";

/** The browser's end of a connection, moved by the test. */
class Wire {
  static made: Wire[] = [];
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  readyState = Wire.CONNECTING;
  onopen = () => undefined as void;
  onclose = () => undefined as void;
  onmessage = (_: { data: string | ArrayBuffer }) => undefined as void;

  constructor(readonly url: string) {
    Wire.made.push(this);
  }

  connect(): void {
    this.readyState = Wire.OPEN;
    this.onopen();
  }

  close(): void {
    this.readyState = 3;
    queueMicrotask(() => this.onclose());
  }
}

const told: string[] = [];
const listener = { onRefused: (error: unknown) => void told.push(`refused: ${String(error)}`), onOpen: () => void told.push("open"), onClose: () => void told.push("lost"), onEvent: ({ type }: { type: string }, picture?: Blob) => void told.push(picture ? `${type} with ${picture.size} bytes` : type) };
const started = () => {
  const socket = new EventSocket(async () => "ws://service/events", listener);
  socket.open();
  return socket;
};
const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("WebSocket", Wire);
  Wire.made = [];
  told.length = 0;
});

afterEach(() => vi.useRealTimers());

test("hands on events, those of pictures with the picture", async () => {
  started();
  await settled();
  Wire.made[0]!.connect();
  Wire.made[0]!.onmessage({ data: '{"type": "running", "job": "a", "data": {}}' });
  const facts = new TextEncoder().encode('{"type": "progress", "job": "a", "data": {}}');
  const message = new Uint8Array(8 + facts.length + 5);
  new DataView(message.buffer).setUint32(0, facts.length);
  message.set(facts, 8);
  Wire.made[0]!.onmessage({ data: message.buffer });
  expect(told).toEqual(["open", "running", "progress with 5 bytes"]);
});

test("comes back by itself when the connection is lost", async () => {
  started();
  await settled();
  Wire.made[0]!.connect();
  Wire.made[0]!.close();
  await vi.runOnlyPendingTimersAsync();
  Wire.made[1]!.connect();
  expect(told).toEqual(["open", "lost", "open"]);
});

test("says why it cannot be tried, and goes on trying", async () => {
  let tries = 0;
  const socket = new EventSocket(() => (++tries < 3 ? Promise.reject("no token") : Promise.resolve("ws://service/events")), listener);
  socket.open();
  await settled();
  await vi.runOnlyPendingTimersAsync();
  await vi.runOnlyPendingTimersAsync();
  Wire.made[0]!.connect();
  expect(told).toEqual(["refused: no token", "lost", "refused: no token", "lost", "open"]);
});

test("stays closed, also when somebody asks to try again", async () => {
  const socket = started();
  await settled();
  socket.close();
  socket.retry();
  await vi.runAllTimersAsync();
  expect(Wire.made.length).toBe(1);
  expect(told).toEqual([]);
});

test.each([
  ["before it knew where to connect to", async () => undefined],
  ["when it was connecting", settled],
])("closed %s and opened again, as the page does while it is worked on, it has one connection", async (_, between) => {
  const socket = started();
  await between();
  socket.close();
  socket.open();
  await settled();
  await vi.runAllTimersAsync();
  const open = Wire.made.filter(({ readyState }) => readyState !== 3);
  expect(open.length).toBe(1);
  open[0]!.connect();
  expect(told).toEqual(["open"]);
});
