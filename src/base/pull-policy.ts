/** When an image is fetched from its registry before it is used (`--pull`, as docker run has it). */

import { PlyfsError } from './errors.js';

export type PullPolicy = 'always' | 'missing' | 'never';

/** PlyfsError `usage`. */
export function pullPolicyFrom(text: string): PullPolicy {
  if (text === 'always' || text === 'missing' || text === 'never') return text;
  throw new PlyfsError('usage', `--pull is always, missing or never, not "${text}"`);
}
