/** What `inspect` prints of a container, in docker's fields. */

import { readStoredConfig } from '../image/stack/stored-config.js';
import { type Container, findContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { mountOf } from './containers.js';
import { runConfigOf } from './run-options.js';
import { containerSize } from './size.js';

/** undefined where no container has that name or ID. `isSized`: what was written in it is summed. */
export function inspectContainer(store: Store, text: string, isSized: boolean): Record<string, unknown> | undefined {
  const container = findContainer(store, text);
  if (container === undefined) return undefined;
  if (!isSized) return describe(store, container);
  const { writtenBytes, viewBytes } = containerSize(container);
  return { ...describe(store, container), SizeRw: writtenBytes, SizeRootFs: viewBytes };
}

function describe(store: Store, container: Container): Record<string, unknown> {
  const { id, name, image, imageName, config, created, upper, work } = container;
  const mount = mountOf(container);
  const { document, platform } = readStoredConfig(store, image.id);
  const { Entrypoint, Cmd } = runConfigOf(document.config, config);
  const [path = '', ...args] = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  return {
    Id: id,
    Created: created,
    Path: path,
    Args: args,
    Name: `/${name}`,
    State: { Status: mount === undefined ? 'created' : 'mounted', Running: false, Paused: false, Pid: mount?.pid ?? 0 },
    Image: image.id,
    ImageName: imageName,
    Platform: platform.os,
    Driver: 'plyfs',
    GraphDriver: {
      Name: 'plyfs',
      Data: {
        // Top first, as lowerdir.
        LowerDir: image.layers
          .map(({ diffId }) => store.blobs.path(diffId))
          .reverse()
          .join(':'),
        MergedDir: mount?.target ?? '',
        UpperDir: upper,
        WorkDir: work,
      },
    },
    Mounts: [],
    Config: { ...(typeof document.config === 'object' ? document.config : {}), ...config },
  };
}
