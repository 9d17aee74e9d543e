/** Where a session finds its configuration: environment, home and /etc. A value of its own, so that a test or a program that embeds plyfs
 *  gives another one. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Limits, readLimits } from '../base/limits.js';

export interface RegistrySettings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** `/etc` */
  readonly etc: string;
  readonly limits: Limits;
}

export function machineSettings(env: RegistrySettings['env'] = process.env): RegistrySettings {
  return { env, home: env.HOME || homedir(), etc: '/etc', limits: readLimits(env.PLYFS_LIMITS ?? '') };
}

/** `~/.config`, or what XDG_CONFIG_HOME says. */
export function configHome({ env, home }: RegistrySettings): string {
  return env.XDG_CONFIG_HOME || join(home, '.config');
}
