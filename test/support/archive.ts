/** Small docker-archives (the layout of docker 1.10 to 24) made of layer trees, for tests that need an image but no image tool. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A layer: what made it, and a shell script that fills its directory. */
export interface LayerRecipe {
  createdBy: string;
  script: string;
}

/** Writes `<directory>/<name>.tar` with the layers, bottom first, and the tag `<name>:latest`. Returns its path and the diffIDs. */
export function makeArchive(
  directory: string,
  name: string,
  layers: readonly LayerRecipe[],
): { path: string; diffIds: string[] } {
  const stage = join(directory, `${name}.stage`);
  mkdirSync(stage);
  const diffIds = layers.map((layer, at) => makeLayer(stage, `layer${at}`, layer.script));
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: layers.map((layer) => ({ created: '2026-01-01T00:00:00Z', created_by: layer.createdBy })),
  });
  const configName = `${sha256(Buffer.from(config))}.json`;
  writeFileSync(join(stage, configName), config);
  const manifest = [{ Config: configName, RepoTags: [`${name}:latest`], Layers: layers.map((_, at) => `layer${at}.tar`) }];
  writeFileSync(join(stage, 'manifest.json'), JSON.stringify(manifest));
  const path = join(directory, `${name}.tar`);
  execFileSync('tar', ['-C', stage, '-cf', path, 'manifest.json', configName, ...layers.map((_, at) => `layer${at}.tar`)]);
  return { path, diffIds };
}

function makeLayer(stage: string, name: string, script: string): string {
  const root = join(stage, name);
  mkdirSync(root);
  execFileSync('sh', ['-ec', script], { cwd: root });
  execFileSync('tar', ['-C', root, '--sort=name', '--numeric-owner', '-cf', `${root}.tar`, '.']);
  return `sha256:${sha256(readFileSync(`${root}.tar`))}`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
