/** A recorded trace: the lines that the driver writes for each request (fuse/direct/trace-lines.ts), read back. Other lines of a log are
 *  passed over, so a log is a recording. */

import { PlyfsError } from '../base/errors.js';
import { type Name, nameFromBytes, nameFromText } from '../base/name.js';

export interface RecordedRequest {
  /** The kernel's name of the request: LOOKUP. */
  readonly op: string;
  readonly node: number;
  /** What the request says, by the fields of its wire structure. */
  readonly fields: ReadonlyMap<string, number>;
  readonly names: readonly Name[];
  /** `ok`, `absent` (a LOOKUP that found nothing), or an errno's name; undefined where nobody was answered. */
  readonly outcome: string | undefined;
  /** How long it took in the daemon. */
  readonly us: number;
  /** The node that the answer tells, if it tells one. */
  readonly given: number | undefined;
  /** The nodes that a listing tells. */
  readonly listed: readonly { readonly node: number; readonly name: Name }[];
}

const requestLine = /^> (\d+) ([A-Z0-9_]+) node=(\d+)(.*)$/;
const answerLine = /^< (\d+) (\w+) (\d+)us(.*)$/;
const word = /(\w+)=("(?:[^"\\]|\\.)*"|0x[0-9a-f]*|-?[\d]+)/g;

/** The lines of a log that are about requests. */
export function requestLines(log: string): string[] {
  return log.split('\n').filter((line) => requestLine.test(line) || answerLine.test(line));
}

/** The requests of a log or recording, in the order in which they came. */
export function readRecording(text: string): RecordedRequest[] {
  const requests: RecordedRequest[] = [];
  const open = new Map<string, number>();
  for (const line of text.split('\n')) {
    const request = requestLine.exec(line);
    if (request !== null) {
      const [, unique = '', op = '', node = '', rest = ''] = request;
      open.set(unique, requests.length);
      requests.push({ op, node: Number(node), ...asked(rest), outcome: undefined, us: 0, given: undefined, listed: [] });
      continue;
    }
    const [, unique = '', outcome = '', us = '', rest = ''] = answerLine.exec(line) ?? [];
    const at = open.get(unique);
    if (at === undefined) continue;
    open.delete(unique);
    requests[at] = { ...requests[at]!, us: Number(us), ...answered(outcome, rest) }; // it was put there
  }
  return requests;
}

function asked(text: string): Pick<RecordedRequest, 'fields' | 'names'> {
  const fields = new Map<string, number>();
  const names: Name[] = [];
  for (const [, key = '', value = ''] of text.matchAll(word)) {
    if (key === 'name') names.push(nameOf(value));
    else fields.set(key, key === 'mode' || key === 'umask' ? Number.parseInt(value, 8) : Number(value));
  }
  return { fields, names };
}

function answered(outcome: string, text: string): Pick<RecordedRequest, 'outcome' | 'given' | 'listed'> {
  const given = /^ node=(\d+) /.exec(text)?.[1];
  const listed = [...text.matchAll(word)].flatMap(([, key = '', value = '']) =>
    /^\d+$/.test(key) ? [{ node: Number(key), name: nameOf(value) }] : [],
  );
  return { outcome: text === ' absent' ? 'absent' : outcome, given: given === undefined ? undefined : Number(given), listed };
}

/** `"etc"`, or the bytes of a name that is not UTF-8 as 0x65ff. PlyfsError for a line that the driver did not write. */
function nameOf(text: string): Name {
  if (text.startsWith('0x')) return nameFromBytes(Buffer.from(text.slice(2), 'hex'));
  try {
    return nameFromText(String(JSON.parse(text)));
  } catch (cause) {
    throw new PlyfsError('no-trace', `the trace is spoiled: ${text} is no name`, { cause });
  }
}
