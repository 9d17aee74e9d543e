/** The child process that touches mounts for the tests: takes JSON lines on stdin, answers each with a line on stdout.
 *  {"begin":DIR} starts a session, {"run":LINE} runs an operation, {"dump":DIR,"layer":false}, {"end":true}. */

import { createInterface } from 'node:readline';
import { errnoName } from '../../src/base/errno.js';
import { FsError } from '../../src/base/errors.js';
import { dumpTree } from './dump.js';
import { become } from './libc.js';
import { runOperation, Session } from './operations.js';
import { formatTree } from './tree.js';

export interface AgentRequest {
  begin?: string;
  run?: string;
  dump?: string;
  end?: boolean;
}

/** `ok`: what the operation returned; `errno`: its name; `failure`: the request made no sense. */
export interface AgentReply {
  ok?: string;
  errno?: string;
  failure?: string;
  problems?: string[];
}

let session: Session | undefined;

function answer(request: AgentRequest): AgentReply {
  if (request.begin !== undefined) session = new Session(request.begin);
  if (request.end === true) session?.end();
  if (request.dump !== undefined) {
    become(0, 0, [0]);
    const { lines, problems } = dumpTree(request.dump);
    return { ok: formatTree(lines), problems };
  }
  if (request.run === undefined) return { ok: '' };
  if (session === undefined) throw new Error('no session');
  return { ok: runOperation(session, request.run) };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  let reply: AgentReply;
  try {
    // What stage.ts wrote.
    reply = answer(JSON.parse(line) as AgentRequest);
  } catch (error) {
    if (error instanceof FsError) reply = { errno: errnoName(error.errno), problems: [] };
    else reply = { failure: String(error instanceof Error ? error.stack : error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
});
