/** plyfs inspect: everything the store knows of a container or an image, as docker's JSON. */

import { PlyfsError } from '../../base/errors.js';
import { inspectContainer } from '../../container/inspect.js';
import { inspectImage } from '../../image/inspect.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { reportError } from '../report.js';
import { renderTemplate } from '../template.js';

export const command = newCommand('inspect', 'Prints what is known of containers and images as a JSON array.', [
  'plyfs inspect busybox',
  "plyfs inspect --format '{{.Config.Env}}' app:1.0",
  "plyfs inspect -f '{{json .RootFS.Layers}}' 3f57d9401f8d",
])
  .argument('<names...>', 'containers or images: names, IDs or digests; a container goes before an image of the same name')
  .option('--type <type>', 'container or image')
  .option('-f, --format <template>', 'a Go template for each')
  .option('--json', 'print a JSON array, as without it')
  .action((texts: string[], options: { format?: string; type?: string }) => {
    const store = new Store();
    const { type } = options;
    if (type !== undefined && type !== 'image' && type !== 'container') {
      throw new PlyfsError('usage', `--type is image or container, not ${type}`, { exitStatus: 2 });
    }
    const found: Record<string, unknown>[] = [];
    for (const text of texts) {
      try {
        found.push((type === 'image' ? undefined : inspectContainer(store, text)) ?? imageOf(store, text, type));
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        process.exitCode = reportError(error);
      }
    }
    const { format } = options;
    const text =
      format === undefined
        ? JSON.stringify(found, undefined, 4)
        : found.map((one) => renderTemplate(format, withEmptyFields(one))).join('\n');
    process.stdout.write(`${text}\n`);
  });

/** A config names what it sets; to docker's templates the rest is empty. */
const emptyConfig = {
  ...{ User: '', WorkingDir: '', StopSignal: '', Hostname: '', Domainname: '', Image: '' },
  ...{ Env: [], Cmd: [], Entrypoint: [], OnBuild: [], ExposedPorts: {}, Volumes: {}, Labels: {} },
};

function withEmptyFields(object: Record<string, unknown>): Record<string, unknown> {
  const { Config: config } = object;
  return typeof config === 'object' ? { ...object, Config: { ...emptyConfig, ...config } } : object;
}

function imageOf(store: Store, text: string, type: string | undefined): Record<string, unknown> {
  if (type === 'container')
    throw new PlyfsError('no-container', `no such container: ${text} (plyfs ps -a lists those there are)`);
  return inspectImage(store, text);
}
