/** plyfs inspect: everything the store knows of a container or an image, as docker's JSON. */

import { PlyfsError } from '../../base/errors.js';
import { inspectContainer } from '../../container/inspect.js';
import { inspectImage, inspectRemote } from '../../image/inspect.js';
import { noSuchContainer } from '../../store/containers.js';
import { Store } from '../../store/store.js';
import { typedValue } from '../../template/typed.js';
import type { GoType } from '../../template/values.js';
import { newCommand } from '../command.js';
import { Format } from '../format.js';
import { containerType, imageType } from '../inspect-types.js';
import { withRegistry } from '../registry-session.js';
import { reportError } from '../report.js';

export const command = newCommand('inspect', 'Prints what is known of containers and images as a JSON array.', [
  'plyfs inspect busybox',
  "plyfs inspect --format '{{.Config.Env}}' app:1.0",
  "plyfs inspect -f '{{json .RootFS.Layers}}' 3f57d9401f8d",
  'plyfs inspect docker://ghcr.io/team/app:1    # at its registry, nothing is pulled',
])
  .argument(
    '<names...>',
    'containers or images: names, IDs or digests; a container goes before an image of the same name; docker://HOST/NAME is looked at where it lies',
  )
  .option('--type <type>', 'container or image')
  .option('-f, --format <template>', 'a Go template for each, or "json"')
  .option('--json', 'print a JSON array, as without it')
  .option('-s, --size', 'tell how much was written in a container, and its whole size')
  .action(async (texts: string[], options: { format?: string; type?: string; size?: boolean }) => {
    const store = new Store();
    const { type, format } = options;
    if (type !== undefined && type !== 'image' && type !== 'container') {
      throw new PlyfsError('usage', `--type is image or container, not ${type}`);
    }
    const template = format === undefined || format === '' || format === 'json' ? undefined : new Format(format);
    const found: Found[] = [];
    for (const text of texts) {
      try {
        found.push(await find(store, text, type, options.size === true));
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        process.exitCode = reportError(error);
      }
    }
    const objects = found.map(({ object }) => object);
    const text =
      template === undefined
        ? JSON.stringify(objects, undefined, format === 'json' ? 0 : 4)
        : found.map((one) => template.run(typedValue(one.object, one.type))).join('\n');
    process.stdout.write(`${text}\n`);
  });

interface Found {
  readonly object: Record<string, unknown>;
  readonly type: GoType;
}

async function find(store: Store, text: string, type: string | undefined, withSize: boolean): Promise<Found> {
  if (text.startsWith('docker://')) {
    const name = text.slice('docker://'.length);
    return { object: await withRegistry({}, (session) => inspectRemote(session, name)), type: imageType };
  }
  const container = type === 'image' ? undefined : inspectContainer(store, text, withSize);
  return container === undefined ? imageOf(store, text, type) : { object: container, type: containerType };
}

function imageOf(store: Store, text: string, type: string | undefined): Found {
  if (type === 'container') throw noSuchContainer(text);
  return { object: inspectImage(store, text, type === 'image' ? type : 'container or image'), type: imageType };
}
