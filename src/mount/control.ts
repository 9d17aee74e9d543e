/** The control socket of a mount: one JSON line asks, one JSON line answers. It lies in a directory that only its user may enter. */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { PlyfsError } from '../base/errors.js';

export type ControlRequest =
  | { command: 'stats' }
  | { command: 'unmount'; isLazy: boolean }
  /** Holds all operations still until `release`, `forMs` at most. Answers `{ passes }`: whether writes may go past the daemon. */
  | { command: 'hold'; forMs: number }
  /** Answers whether the file system was still until now. */
  | { command: 'release' };
/** `error` is a sentence for the user. */
export type ControlAnswer = { ok: true; result?: unknown } | { ok: false; error: string };

/** Longer lines are nobody's of ours. */
const maxLineLength = 65_536;

/** Listens on `path` and answers each line with what `run` returns. */
export function listenForControl(path: string, run: (request: ControlRequest) => Promise<ControlAnswer>): Server {
  const server = createServer((socket) => serveOne(socket, run));
  server.listen(path);
  return server;
}

function serveOne(socket: Socket, run: (request: ControlRequest) => Promise<ControlAnswer>): void {
  // The asker may go away at any time: nothing is lost with it.
  socket.on('error', () => socket.destroy());
  readLine(socket)
    .then((line) => run(parseRequest(JSON.parse(line))))
    .catch((error: unknown): ControlAnswer => ({ ok: false, error: error instanceof Error ? error.message : String(error) }))
    .then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
}

function parseRequest(json: unknown): ControlRequest {
  if (typeof json === 'object' && json !== null && 'command' in json) {
    if (json.command === 'stats') return { command: 'stats' };
    if (json.command === 'release') return { command: 'release' };
    if (json.command === 'hold' && 'forMs' in json && typeof json.forMs === 'number')
      return { command: 'hold', forMs: json.forMs };
    if (json.command === 'unmount') return { command: 'unmount', isLazy: 'isLazy' in json && json.isLazy === true };
  }
  throw new PlyfsError('bad-request', 'the mount does not know this request: it runs another version of plyfs');
}

/** Asks the mount at `path`. PlyfsError `no-answer` when nobody is there or it closes without an answer; what it refuses likewise. */
export async function askMount(path: string, request: ControlRequest): Promise<unknown> {
  const socket = connect(path);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const answer = parseAnswer(JSON.parse(await readLine(socket)));
    if (answer.ok) return answer.result;
    throw new PlyfsError('refused', answer.error);
  } finally {
    socket.destroy();
  }
}

function parseAnswer(json: unknown): ControlAnswer {
  if (typeof json === 'object' && json !== null && 'ok' in json) {
    if (json.ok === true) return { ok: true, result: 'result' in json ? json.result : undefined };
    if ('error' in json && typeof json.error === 'string') return { ok: false, error: json.error };
  }
  throw new PlyfsError('no-answer', 'the mount answers in another way: it runs another version of plyfs');
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (cause?: unknown) => reject(new PlyfsError('no-answer', 'the mount does not answer', { cause }));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > maxLineLength) refuse();
    });
    socket.on('error', refuse);
    socket.on('close', () => refuse());
  });
}
