// The stream that all tabs of one browser share, if they are signed in as the same: the worker's name follows from who that
// is, so those of others run elsewhere.

import { Stream, type LiveEntry, type StreamState } from "./stream";

export type Asked = { ask: "hello"; url: string; token: string | null } | { ask: "wake" } | { ask: "bye" };

/** What a tab that comes later is given of what came before. */
const MAX_KEPT = 500;

const ports = new Set<MessagePort>();
let stream: Stream | undefined;
let state: StreamState = "connecting";
let kept: LiveEntry[] = [];

function hello(port: MessagePort, url: string, token: string | null): void {
  ports.add(port);
  stream ??= new Stream(url, token, (told) => {
    state = told.state;
    kept = [...kept, ...told.entries].slice(-MAX_KEPT);
    ports.forEach((one) => one.postMessage(told));
  });
  port.postMessage({ state, entries: kept, gap: false });
}

function bye(port: MessagePort): void {
  ports.delete(port);
  if (ports.size > 0) return;
  stream?.stop();
  stream = undefined;
  kept = [];
}

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = ({ ports: [port] }) => {
  if (port === undefined) return;
  port.onmessage = ({ data }: MessageEvent<Asked>) => {
    if (data.ask === "hello") hello(port, data.url, data.token);
    else if (data.ask === "wake") stream?.wake();
    else bye(port);
  };
};
