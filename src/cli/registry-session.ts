/** What the commands that talk to registries have in common: --tls-verify, an end at Ctrl-C that leaves nothing half-done there, and what
 *  is told of repeated requests. */

import { PlyfsError } from '../base/errors.js';
import { RegistrySession } from '../registry/client.js';
import type { Command } from './command.js';
import { tellingOfSignals } from './interrupt.js';

export interface RegistrySessionOptions {
  tlsVerify?: boolean;
}

export function withRegistryOptions(command: Command): Command {
  return command
    .option('--tls-verify', "want a right certificate, also from this machine's registries")
    .option('--no-tls-verify', 'take any certificate, and do without TLS where there is none (also --tls-verify=false)');
}

/** Runs `use` with a session; SIGINT, SIGTERM and SIGHUP abort its calls, which end with PlyfsError `interrupted`. */
export async function withRegistry<T>(
  options: RegistrySessionOptions,
  use: (session: RegistrySession, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new PlyfsError('interrupted', 'interrupted: nothing was changed'));
  const session = new RegistrySession({
    tlsVerify: options.tlsVerify,
    signal: controller.signal,
    onRetry: (sentence) => process.stderr.write(`plyfs: ${sentence}\n`),
  });
  try {
    return await tellingOfSignals(stop, () => use(session, controller.signal));
  } finally {
    session.close();
  }
}
