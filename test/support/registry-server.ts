/** Debian's docker-registry (distribution 2.8) for a test: on a free port of the loopback, with TLS and a user where the test wants them.
 *  It ends with the test. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why tests that make certificates do not run here, or false. */
export const needsOpenssl: string | false =
  spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0 ? false : 'needs openssl (apt install openssl)';

/** Why tests with a real registry do not run here, or false. */
export const needsRegistry: string | false =
  spawnSync('docker-registry', ['--version'], { stdio: 'ignore' }).status === 0
    ? needsOpenssl
    : 'needs docker-registry (apt install docker-registry)';

/** Who may log in where the test asks for a password. The colon belongs to it. */
export const registryUser = { user: 'ann', secret: 'pa:ss-w0rd-7f3a' };
/** Made by `htpasswd -nbB -C 5 ann 'pa:ss-w0rd-7f3a'`. */
const htpasswd = 'ann:$2y$05$RXsHU.S9ByNjG6a3OpkECeasAP7/gSurrRwobPPPBpTOMsyaa4e8G\n';

export interface RegistryServer {
  /** `127.0.0.1:41234` */
  readonly authority: string;
  /** The CA that signed its certificate; undefined without TLS. */
  readonly ca: string | undefined;
  /** What it wrote to its log so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface RegistryChoice {
  readonly tls?: boolean;
  readonly password?: boolean;
  /** It is a mirror of this registry: `http://127.0.0.1:5000`. */
  readonly mirrorOf?: string;
}

export async function startRegistry(choice: RegistryChoice = {}): Promise<RegistryServer> {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-registry-'));
  const certificate = choice.tls === true ? makeCertificate(directory) : undefined;
  writeFileSync(join(directory, 'config.yml'), configOf(directory, choice));
  writeFileSync(join(directory, 'htpasswd'), htpasswd);
  mkdirSync(join(directory, 'data'));
  const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  }
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const authority = await listening(child, () => text);
    return { authority, ca: certificate, log: () => text, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configOf(directory: string, { tls, password, mirrorOf }: RegistryChoice): string {
  return JSON.stringify({
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      secret: 'plyfs',
      ...(tls === true ? { tls: { certificate: join(directory, 'server.crt'), key: join(directory, 'server.key') } } : {}),
    },
    ...(mirrorOf === undefined ? {} : { proxy: { remoteurl: mirrorOf } }),
    ...(password === true ? { auth: { htpasswd: { realm: 'test registry', path: join(directory, 'htpasswd') } } } : {}),
  });
}

async function listening(child: ChildProcess, log: () => string): Promise<string> {
  for (let tries = 0; tries < 500 && child.exitCode === null; tries++) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(log())?.[1];
    if (address !== undefined) return address;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`docker-registry does not start: ${log()}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await over;
}

/** A CA (ca.crt) and, signed by it, a certificate for `names` (server.crt, server.key). Returns the path of the CA's. */
export function makeCertificate(directory: string, names = 'IP:127.0.0.1,IP:::1,DNS:localhost', days = '2'): string {
  const run = (...words: string[]): void => {
    const { status, stderr } = spawnSync('openssl', words, { cwd: directory, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`);
  };
  writeFileSync(join(directory, 'san.cnf'), `subjectAltName=${names}\n`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=plyfs test CA');
  run('req', '-new', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=registry of a test');
  run(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-out',
    'server.crt',
    '-days',
    days,
    '-extfile',
    'san.cnf',
  );
  return join(directory, 'ca.crt');
}
