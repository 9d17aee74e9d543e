/** plyfs tags: the tags of a repository of a registry. */

import { PlyfsError } from '../../base/errors.js';
import { parseReference } from '../../oci/reference.js';
import type { RegistrySession } from '../../registry/client.js';
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
    const tags = await withRegistry(options, (session) => tagsOf(session, name.replace(/^docker:\/\//, '')));
    process.stdout.write(
      options.json === true ? `${JSON.stringify(tags, undefined, 2)}\n` : tags.map((tag) => `${tag}\n`).join(''),
    );
  });

async function tagsOf(session: RegistrySession, name: string): Promise<string[]> {
  const { names } = session.meanings(name);
  if (names.length > 1) throw new PlyfsError('reference', `"${name}" may be any of ${names.join(', ')}: write which`);
  const reference = parseReference(names[0] ?? name);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw new PlyfsError('reference', `"${name}" has a tag or digest: name the repository alone`);
  }
  const found: string[] = [];
  for await (const tag of session.repository(reference).listTags()) found.push(tag);
  return found;
}
