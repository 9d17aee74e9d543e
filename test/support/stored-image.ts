/** Images of layer trees (tree.ts) in a store: an OCI layout is written and loaded, as a user would. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, hexOf, sha256Of } from '../../src/base/digest.js';
import { loadPath } from '../../src/image/load.js';
import type { Store } from '../../src/store/store.js';
import { tarOfTree } from './tree-tar.js';

/** Loads an image of these trees, bottom first, under `name`. `config` is what the config says beside its layers. */
export async function storeImage(
  store: Store,
  name: string,
  trees: readonly string[],
  config: Readonly<Record<string, unknown>> = {},
): Promise<Digest> {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-layout-'));
  try {
    writeLayout(directory, name, trees.map(tarOfTree), config);
    const [loaded] = await loadPath(store, directory, { platform: undefined });
    return loaded!.id; // one image was written
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function writeLayout(directory: string, name: string, tars: readonly Buffer[], more: Readonly<Record<string, unknown>>): void {
  mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Buffer) => {
    const digest = sha256Of(bytes);
    writeFileSync(join(directory, 'blobs/sha256', hexOf(digest)), bytes);
    return { mediaType: `application/vnd.oci.image.${mediaType}`, digest, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const layers = tars.map((tar) => put('layer.v1.tar', tar));
  const config = put(
    'config.v1+json',
    json({
      created: '2020-01-01T00:00:00Z',
      architecture: 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      history: layers.map((_, at) => ({ created: '2020-01-01T00:00:00Z', created_by: `step ${at + 1}` })),
      ...more,
    }),
  );
  const manifest = put('manifest.v1+json', json({ schemaVersion: 2, config, layers }));
  const annotations = { 'org.opencontainers.image.ref.name': name };
  writeFileSync(join(directory, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  writeFileSync(join(directory, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
}
