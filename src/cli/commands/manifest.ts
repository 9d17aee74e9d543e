/** plyfs manifest inspect: the manifest or index of an image, as it was received. */

import { PlyfsError } from '../../base/errors.js';
import { readManifestBytes } from '../../image/manifest-bytes.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';

export const command = withRegistryOptions(
  newCommand(
    'manifest',
    'Prints the manifest or index that a name leads to, byte for byte: its sha256 is the digest. Nothing is pulled.',
    [
      'plyfs manifest inspect docker://alpine',
      'plyfs manifest inspect oci:layout:1.0',
      'plyfs manifest inspect app:1 | sha256sum',
    ],
  ),
)
  .argument('<inspect>', 'what to do: inspect')
  .argument('<image>', 'an image in the store, docker://HOST/NAME[:TAG|@DIGEST] or oci:DIR[:TAG]')
  .action(async (verb: string, image: string, options: RegistrySessionOptions) => {
    if (verb !== 'inspect') throw new PlyfsError('usage', `plyfs manifest ${verb}: write plyfs manifest inspect`);
    process.stdout.write(await withRegistry(options, (session) => readManifestBytes(session, new Store(), image)));
  });
