/** The question before something is deleted, in docker's words. Only `--force` does without it. */

import { createInterface } from 'node:readline';

/** Whether the first line of standard input says yes (`y` or `yes`, in any case). Its end, or any other answer, is no. */
export async function isConfirmed(warning: string): Promise<boolean> {
  process.stdout.write(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: process.stdin });
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
  });
  lines.close();
  process.stdin.pause();
  if (!process.stdin.isTTY) process.stdout.write('\n');
  return /^y(es)?$/i.test(answer.trim());
}
