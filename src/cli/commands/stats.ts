/** plyfs stats: requests by kind, their latency in the daemon, and the counters of the engine. */

import { mountTargetOf } from '../../container/containers.js';
import { mountStats, mountTrace } from '../../mount/mount-list.js';
import type { MountStats } from '../../mount/stats.js';
import { newCommand } from '../command.js';

export const command = newCommand('stats', 'Shows what the mount on TARGET has done since it was made.', [
  'plyfs stats /mnt',
  'plyfs stats --json /mnt',
  'PLYFS_TRACE=fuse plyfs mount app /mnt; ls -R /mnt; plyfs stats --trace /mnt > trace',
])
  .argument('<target>', 'a mount point, or a mounted container')
  .option('--json', 'print a JSON object')
  .option('--trace', 'print the requests so far of a mount with PLYFS_TRACE=fuse, for plyfs bench --replay')
  .action(async (text: string, options: { json?: boolean; trace?: boolean }) => {
    const target = mountTargetOf(text, process.cwd());
    if (options.trace === true) {
      process.stdout.write(mountTrace(target, process.cwd()));
      return;
    }
    const stats = await mountStats(target, process.cwd());
    process.stdout.write(options.json === true ? `${JSON.stringify(stats, undefined, 2)}\n` : describe(stats));
  });

function describe(stats: MountStats): string {
  const requests = Object.entries(stats.requests).sort((a, b) => b[1] - a[1]);
  const latency = stats.latency.map(({ belowUs, count }) => [`below ${belowUs} us`, count] as [string, number]);
  return [
    section('Requests', requests),
    section('Time in the daemon', latency),
    section('Counters', Object.entries(stats.counters)),
    section('Rates', rates(stats.counters)),
  ].join('\n');
}

function rates(counters: Record<string, number>): [string, number][] {
  const { lookups = 0, lookupsFromMemory = 0, layersTouched = 0 } = counters;
  if (lookups === 0) return [];
  return [
    ['lookups answered from memory, %', Math.round((1000 * lookupsFromMemory) / lookups) / 10],
    ['layers touched per lookup', Math.round((1000 * layersTouched) / lookups) / 1000],
  ];
}

function section(title: string, rows: [string, number][]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return `${title}\n${rows.map(([name, count]) => `  ${name.padEnd(width)} ${String(count).padStart(12)}\n`).join('')}`;
}
