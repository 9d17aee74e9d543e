/** Whoever starts a mount hears when it answers, when it cannot be made, and when its process has died. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

const died = 'plyfs: the mount process ended before the mount was ready\n';
const module = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
const code = `
import { startMount } from ${module('mount/start.js')};
import { reportError } from ${module('cli/report.js')};
process.env.NODE_OPTIONS = process.env.OPTIONS_OF_MOUNT ?? "";
process.exitCode = await startMount(process.argv.slice(1)).catch(reportError);`;

/** Each with the environment $SET, and words. */
const starters: Record<string, (stage: CliStage, set: string, words: string) => string> = {
  'bin/plyfs': (_stage, set, words) => `${set.replace('OPTIONS_OF_MOUNT', 'NODE_OPTIONS')} $PLYFS mount ${words}`,
  'code that calls startMount': (stage, set, words) => {
    return `${set} ${process.execPath} --input-type=module -e '${code}' -- ${words.replaceAll(/\b(base|mnt)\b/g, (name) => stage.at(name))}`;
  },
};

for (const [name, script] of Object.entries(starters)) {
  test(
    `${name} hears when a mount answers, that it cannot be made, and that its process died`,
    { skip: cannotMount },
    withStage((stage) => {
      const start = (words: string, set = '') => {
        const { status, stdout, stderr } = stage.sh(script(stage, set, words));
        return [status, stdout, stderr];
      };
      assert.deepEqual(start('--layer base mnt'), [0, '', '']);
      assert.equal(stage.sh('cat mnt/f').stdout, 'base\n');
      stage.ok('umount', 'mnt');
      assert.deepEqual(start('--layer nowhere mnt').slice(0, 2), [1, '']);
      const [status, stdout, stderr] = start('--layer base mnt', 'OPTIONS_OF_MOUNT=--no-such-option');
      assert.deepEqual([status, stdout], [1, '']);
      assert.ok(String(stderr).endsWith(died), String(stderr));
    }),
  );
}
