/** Ctrl-C and its like: unfinished files go, the progress line too, and the exit status is that of a program which the signal ended. */

import { beforeFirstUndo, undoAll } from '../base/interruption.js';

/** With the exit status that shells give each. */
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Caught = keyof typeof signals;

let caught: Caught | undefined;

/** Signals are caught from the first thing on that they would leave behind: what only reads is ended by the system, at once. */
export function cleanUpAtSignals(): void {
  beforeFirstUndo(() => each((name) => process.on(name, endClean)));
}

/** `undefined` where no signal came. */
export function interruptedStatus(): number | undefined {
  return caught === undefined ? undefined : signals[caught];
}

/** While `use` runs it is told of signals instead: it ends by itself, and cleans up. A second signal ends it as everywhere. */
export async function tellingOfSignals<T>(tell: () => void, use: () => Promise<T>): Promise<T> {
  const listener = (name: Caught): void => {
    caught = name;
    each((other) => {
      process.off(other, listener);
      process.on(other, endClean);
    });
    tell();
  };
  each((name) => {
    process.off(name, endClean);
    process.on(name, listener);
  });
  // The first thing that would be left behind must not bring the other listener back.
  beforeFirstUndo(() => {});
  try {
    return await use();
  } finally {
    each((name) => {
      process.off(name, listener);
      process.off(name, endClean);
      process.on(name, endClean);
    });
  }
}

function endClean(name: Caught): void {
  undoAll();
  process.exit(signals[name]);
}

function each(act: (name: Caught) => void): void {
  for (const name of Object.keys(signals) as Caught[]) act(name); // the table's own keys
}
