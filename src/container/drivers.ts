/** The drivers by name. Each is loaded only where it is used: fuse-native's package may be missing. */

import { PlyfsError } from '../base/errors.js';
import type { Driver } from '../fuse/driver.js';

export type DriverName = Driver['name'];

export async function findDriver(name: DriverName): Promise<Driver> {
  switch (name) {
    case 'direct':
      return (await import('../fuse/direct/driver.js')).directDriver;
    case 'fuse-native':
      throw new PlyfsError('no-driver', 'the fuse-native driver is not in this version: use --driver direct');
    default:
      name satisfies never;
      throw new Error(`no driver ${name}`);
  }
}
