/** plyfs login: tries a user and password at a registry and keeps them, where docker and podman look for them too. */

import { text as textOf } from 'node:stream/consumers';
import { PlyfsError } from '../../base/errors.js';
import type { RegistrySession } from '../../registry/client.js';
import type { PasswordCredential } from '../../registry/credential-files.js';
import { keepCredential } from '../../registry/credential-store.js';
import { Credentials } from '../../registry/credentials.js';
import { machineSettings } from '../../registry/settings.js';
import { newCommand } from '../command.js';
import { Prompt } from '../prompt.js';
import { registryNamed } from '../registry-name.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';

interface Options extends RegistrySessionOptions {
  username?: string;
  password?: string;
  passwordStdin?: boolean;
}

export const command = withRegistryOptions(
  newCommand('login', 'Logs in to a registry: the credentials are tried and kept.', [
    'plyfs login ghcr.io',
    'plyfs login -u ann --password-stdin localhost:5000 < password.txt',
  ]),
)
  .argument('[server]', 'the host of the registry; without it Docker Hub')
  .option('-u, --username <name>', 'the user')
  .option('-p, --password <password>', 'the password, for all to see in the list of processes: rather use --password-stdin')
  .option('--password-stdin', 'read the password from standard input')
  .action(async (server: string | undefined, options: Options) => {
    const domain = registryNamed(server);
    checkUsage(options);
    await withRegistry(options, async (session) => {
      if (options.username === undefined && options.password === undefined && (await isLoggedIn(session, domain))) return;
      await keep(session, domain, await credentialFrom(options, domain));
    });
    process.stdout.write('Login Succeeded\n');
  });

function checkUsage({ username, password, passwordStdin }: Options): void {
  if (password !== undefined && passwordStdin === true) throw usage('--password and --password-stdin are mutually exclusive');
  if (passwordStdin === true && username === undefined) throw usage('--password-stdin needs --username');
  if (username === '') throw usage('--username is empty');
}

function usage(sentence: string): PlyfsError {
  return new PlyfsError('usage', sentence);
}

/** Credentials that are kept and still do need not be asked for. */
async function isLoggedIn(session: RegistrySession, domain: string): Promise<boolean> {
  const kept = await new Credentials(machineSettings()).find(domain, '');
  if (kept?.kind !== 'password') return false;
  process.stderr.write('Authenticating with existing credentials...\n');
  try {
    await session.login(domain, kept);
    return true;
  } catch (error) {
    if (!(error instanceof PlyfsError) || error.code !== 'registry-denied' || !process.stdin.isTTY) throw error;
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}

async function credentialFrom(options: Options, domain: string): Promise<PasswordCredential> {
  if (options.password !== undefined) {
    process.stderr.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
  }
  const fromPipe = options.passwordStdin === true ? await passwordFromStdin() : undefined;
  const { user, secret } = await asked(options.username, options.password ?? fromPipe, domain);
  if (user === '' || secret === '')
    throw new PlyfsError('registry-credentials', 'user and password must not be empty: nothing was saved');
  return { kind: 'password', user, secret };
}

/** Asks for what is not given. */
async function asked(
  user: string | undefined,
  secret: string | undefined,
  domain: string,
): Promise<{ user: string; secret: string }> {
  if (user !== undefined && secret !== undefined) return { user, secret };
  if (!process.stdin.isTTY) {
    const sentence = `cannot ask for user and password of ${domain}: no terminal; use --username and --password-stdin`;
    throw new PlyfsError('registry-credentials', sentence);
  }
  const prompt = new Prompt();
  try {
    return { user: user ?? (await prompt.ask('Username: ')).trim(), secret: secret ?? (await prompt.askSecret('Password: ')) };
  } finally {
    prompt.close();
  }
}

/** The line break at the end is not part of it. */
async function passwordFromStdin(): Promise<string> {
  return (await textOf(process.stdin)).replace(/\r?\n$/, '');
}

async function keep(session: RegistrySession, domain: string, credential: PasswordCredential): Promise<void> {
  const { plainPath } = await keepCredential(machineSettings(), domain, await session.login(domain, credential));
  if (plainPath === undefined) return;
  process.stderr.write(
    `WARNING! Your password will be stored unencrypted in ${plainPath}.\nConfigure a credential helper (credsStore) there to remove this warning.\n`,
  );
}
