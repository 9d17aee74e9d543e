/** What the client process does inside a mount: plain data, handed over as JSON. Every job reports seconds and checks what it got. */

interface Common {
  /** The mount's directory. */
  root: string;
}

export type ClientJob = Common &
  (
    | { kind: 'stat' | 'open' | 'miss'; list: string; limit?: number; passes: number }
    | { kind: 'create'; directory: string; files: number; bytes: number }
    | { kind: 'append'; list: string; limit: number }
    | { kind: 'appendNew' | 'rename' | 'unlink'; directory: string; files: number }
    | { kind: 'randomRead'; file: string; bytes: number; reads: number; blockBytes: number }
    | { kind: 'rewrite'; file: string; bytes: number; writes: number; blockBytes: number; sync: boolean }
    | { kind: 'latency'; list: string; command: readonly string[] }
  );

export interface JobResult {
  seconds: number;
  operations: number;
  /** Processor time of the client, where it knows what was its start and what the work. */
  clientCpu?: number;
  /** Of single calls, in microseconds, where the job looks at them. */
  latencyUs?: { median: number; p99: number; max: number };
}

/** The name of the `index`th new file: 100 to a directory. */
export function newFile(directory: string, index: number): string {
  return `${directory}/d${Math.floor(index / 100)}/f${index}`;
}
