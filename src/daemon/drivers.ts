/** The drivers by name. Each is loaded only where it is used: fuse-native's package may be missing. */

import type { Driver } from '../fuse/driver.js';

export type DriverName = Driver['name'];

export async function findDriver(name: DriverName): Promise<Driver> {
  switch (name) {
    case 'direct':
      return (await import('../fuse/direct/driver.js')).directDriver;
    case 'fuse-native':
      return (await import('../fuse/libfuse/driver.js')).fuseNativeDriver;
    default:
      name satisfies never;
      throw new Error(`no driver ${name}`);
  }
}

/** Whether the driver serves in the event loop of the main thread, the only one fuse-native's addon calls into. */
export function servesInMainThread(name: DriverName): boolean {
  return name === 'fuse-native';
}
