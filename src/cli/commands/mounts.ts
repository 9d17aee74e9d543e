/** plyfs mounts: what is mounted, and where its process and log are. */

import { shown } from '../../base/shown.js';
import { listMounts, type MountSummary } from '../../mount/mount-list.js';
import { newCommand } from '../command.js';

export const command = newCommand('mounts', 'Lists your plyfs mounts: target, driver, daemon, layers, upper and log.', [
  'plyfs mounts',
  'plyfs mounts --json',
])
  .option('--json', 'print a JSON array')
  .action((options: { json?: boolean }) => {
    const mounts = listMounts();
    if (options.json === true) process.stdout.write(`${JSON.stringify(mounts, undefined, 2)}\n`);
    else process.stdout.write(mounts.map(describe).join('\n'));
  });

function describe(mount: MountSummary): string {
  const lines = [
    `${mount.target}  (${mount.driver}, ${mount.isReadOnly ? 'read-only' : 'writable'}, pid ${mount.pid}${remark(mount)}${mount.isElsewhere ? ', in another mount namespace' : ''})`,
  ];
  if (mount.upper !== null) lines.push(`  upper  ${mount.upper}`);
  if (mount.image !== null) lines.push(`  image  ${mount.image}`);
  for (const layer of mount.layers) lines.push(`  layer  ${layer}`);
  if (mount.log !== null) lines.push(`  log    ${mount.log}`);
  return lines.map((line) => `${shown(line)}\n`).join('');
}

function remark(mount: MountSummary): string {
  switch (mount.state) {
    case 'live':
      return '';
    case 'detached':
      return ', detached: ends with its last user';
    case 'dead':
      return ', dead: plyfs umount clears it away';
    default:
      return mount.state satisfies never;
  }
}
