/** Work that a signal may end in its middle: what is to be undone then, and where signals are let in. Who catches them is the program's
 *  affair (cli/interrupt.ts); a caller of the library catches none, and nothing here changes that. */

const actions = new Set<() => void>();
let onFirst: (() => void) | undefined;

/** `undo` runs where a signal ends the program before the returned function was called. It must be quick and must not throw. */
export function undoneAtInterruption(undo: () => void): () => void {
  const before = onFirst;
  onFirst = undefined;
  before?.();
  actions.add(undo);
  return () => actions.delete(undo);
}

/** `act` runs once, before there is anything to undo. */
export function beforeFirstUndo(act: () => void): void {
  onFirst = act;
}

/** The newest first. */
export function undoAll(): void {
  for (const undo of [...actions].reverse()) undo();
  actions.clear();
}

/** Between two turns of the event loop, in which signals come. */
const breathMs = 50;
let last = 0;

/** To be awaited in loops that would otherwise keep the thread until they end: now and then the event loop gets its turn. */
export async function breath(): Promise<void> {
  if (performance.now() - last < breathMs) return;
  await letSignalsIn();
  last = performance.now();
}

/** One turn of the event loop: a signal that has come ends the program here. What a signal broke in a child is no error then. */
export async function letSignalsIn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
