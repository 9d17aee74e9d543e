/** Who the process is, seen from outside its user namespace (user_namespaces(7)). */

import { readFileSync } from 'node:fs';

/** The id that the parent user namespace has for `uid`: root of many namespaces is 0 inside. */
export function outerId(uid: number): number {
  for (const line of readFileSync('/proc/self/uid_map', 'latin1').split('\n')) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    if (uid >= inside && uid < inside + count) return outside + uid - inside;
  }
  return uid;
}

/** Whom this process acts as. It never changes, and asking costs a system call. */
export const effectiveUid = process.geteuid?.() ?? 0;
export const effectiveGid = process.getegid?.() ?? 0;
