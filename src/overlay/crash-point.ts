/** Places where a test makes the daemon die: PLYFS_CRASH_AT=<point> sends SIGKILL to the process the first time the point is reached.
 *  What a user of the mount sees after the next mount must be consistent at each of them (test/mount/crash.test.ts). */

export const crashPoints = [
  'copy-up-data',
  'copy-up-publish',
  'copy-up-directory',
  'create-publish',
  'unlink-whiteout',
  'unlink-discard',
  'rmdir-discard',
  'rename-redirect',
  'rename-move',
  'rename-done',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

const wanted = process.env.PLYFS_CRASH_AT;

export function crashPoint(point: CrashPoint): void {
  if (wanted === point) process.kill(process.pid, 'SIGKILL');
}
