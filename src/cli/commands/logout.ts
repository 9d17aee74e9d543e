/** plyfs logout: forgets the credentials of a registry. */

import { forgetCredential } from '../../registry/credential-store.js';
import { credentialKey } from '../../registry/credentials.js';
import { machineSettings } from '../../registry/settings.js';
import { newCommand } from '../command.js';
import { registryNamed } from '../registry-name.js';

export const command = newCommand('logout', 'Forgets the credentials of a registry, wherever docker or podman keep them.', [
  'plyfs logout ghcr.io',
])
  .argument('[server]', 'the host of the registry; without it Docker Hub')
  .action(async (server: string | undefined) => {
    const domain = registryNamed(server);
    const wasThere = await forgetCredential(machineSettings(), domain);
    const what = wasThere ? 'Removing login credentials for' : 'Not logged in to';
    process.stdout.write(`${what} ${credentialKey(domain)}\n`);
  });
