/** plyfs tags: the tags of a repository of a registry. */

import { PlyfsError } from '../../base/errors.js';
import { parseReference } from '../../oci/reference.js';
import { newCommand } from '../command.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';

export const command = withRegistryOptions(
  newCommand('tags', 'Lists the tags of a repository at its registry.', [
    'plyfs tags ghcr.io/team/app',
    'plyfs tags --json alpine',
  ]),
)
  .argument('<repository>', 'HOST/NAME; without a host at Docker Hub')
  .option('--json', 'print a JSON array')
  .action(async (name: string, options: RegistrySessionOptions & { json?: boolean }) => {
    const reference = parseReference(name.replace(/^docker:\/\//, ''));
    if (reference.tag !== undefined || reference.digest !== undefined) {
      throw new PlyfsError('usage', `"${name}" has a tag or digest: name the repository alone`);
    }
    const tags = await withRegistry(options, async (session) => {
      const found: string[] = [];
      for await (const tag of session.repository(reference).listTags()) found.push(tag);
      return found;
    });
    process.stdout.write(
      options.json === true ? `${JSON.stringify(tags, undefined, 2)}\n` : tags.map((tag) => `${tag}\n`).join(''),
    );
  });
