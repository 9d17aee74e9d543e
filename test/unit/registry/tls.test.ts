/** Certificates: whom a registry may be signed by, and what plyfs shows of its own. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { RegistrySession } from '../../../src/registry/client.js';
import { HostileRegistry, on, refuse } from '../../support/hostile-registry.js';
import { makeCertificate, needsOpenssl } from '../../support/registry-server.js';
import { failsWith, RegistryStage } from '../../support/registry-stage.js';

const root = mkdtempSync(join(tmpdir(), 'plyfs-certificates-'));
const stage = new RegistryStage();
let registry: HostileRegistry;

function made(name: string, names?: string, days?: string): { ca: string; cert: string; key: string } {
  const directory = join(root, name);
  mkdirSync(directory);
  makeCertificate(directory, names, days);
  const read = (file: string) => readFileSync(join(directory, file), 'utf8');
  return { ca: read('ca.crt'), cert: read('server.crt'), key: read('server.key') };
}

let right: ReturnType<typeof made>;

before(async () => {
  if (needsOpenssl) return;
  right = made('right');
  registry = await HostileRegistry.start(right);
  registry.putManifest('team/app', '1');
});
after(async () => {
  await registry?.stop();
  stage.remove();
  rmSync(root, { recursive: true });
});
beforeEach(() => stage.clear());

async function pull(authority: string, tlsVerify: boolean | undefined, env: Record<string, string> = {}): Promise<void> {
  const session = new RegistrySession({ settings: stage.settings(env), tlsVerify });
  try {
    await session.repository({ domain: authority, path: 'team/app' }).getManifest('1');
  } finally {
    session.close();
  }
}

/** Where a CA may lie that is believed: the file (PORT is the registry's), and the variable that names it. */
const places: readonly (readonly [file: string, variable?: string])[] = [
  ['etc/docker/certs.d/PORT/any.crt'],
  ['etc/containers/certs.d/PORT/ca.crt'],
  ['home/.config/containers/certs.d/PORT/ca.crt'],
  ['etc/ssl/certs/ca-certificates.crt'],
  ['own.pem', 'SSL_CERT_FILE'],
  // NODE_EXTRA_CA_CERTS, as bin/plyfs hands it on
  ['own.pem', 'PLYFS_EXTRA_CA_CERTS'],
];

for (const [file, variable] of places) {
  test(`a registry is believed whose CA is in ${variable ?? file}`, { skip: needsOpenssl }, async () => {
    await failsWith('registry-tls', /the certificate of 127.* is signed by nobody known here/, () =>
      pull(registry.authority, true),
    );
    const path = stage.write(file.replace('PORT', registry.authority), `# ours\n${right.ca}`);
    await pull(registry.authority, true, variable === undefined ? {} : { [variable]: path });
  });
}

test('a loopback registry is verified where certs.d has a CA for it, and else taken as it is', {
  skip: needsOpenssl,
}, async () => {
  await pull(registry.authority, undefined);
  stage.write(`etc/docker/certs.d/${registry.authority}/ca.crt`, right.ca);
  await pull(registry.authority, undefined);
  stage.write(`etc/docker/certs.d/${registry.authority}/ca.crt`, made('other').ca);
  await failsWith('registry-tls', /signed by nobody known here/, () => pull(registry.authority, undefined));
  await pull(registry.authority, false);
});

test('credentials are sent to a token service without TLS for insecure registries only', { skip: needsOpenssl }, async () => {
  const challenge = 'Bearer realm="http://auth.example/token",service="x"';
  registry.rules = [on(/./, (_, response) => refuse(response, 401, 'UNAUTHORIZED', { 'WWW-Authenticate': challenge }))];
  stage.logIn(registry.authority, 'ann', 'word');
  try {
    const PLYFS_EXTRA_CA_CERTS = stage.write('own.pem', right.ca);
    await failsWith(
      'registry-answer',
      /^127.*\/team\/app:1: the registry wants credentials sent to auth\.example without TLS/,
      () => pull(registry.authority, true, { PLYFS_EXTRA_CA_CERTS }),
    );
    await failsWith('registry-unreachable', /^127.*: there is no host auth\.example that this machine can find/, () =>
      pull(registry.authority, false),
    );
  } finally {
    registry.rules = [];
  }
});

test('a certificate for another name or of the past says so', { skip: needsOpenssl }, async () => {
  const cases: readonly (readonly [names: string, days: string, sentence: RegExp])[] = [
    [
      'DNS:other.example',
      '2',
      /the certificate of 127.* is for another name: ask for the registry by the name in its certificate/,
    ],
    ['IP:127.0.0.1', '0', /the certificate of 127.* has expired/],
  ];
  for (const [names, days, sentence] of cases) {
    const wrong = made(names.replaceAll(/\W/g, ''), names, days);
    const server = await HostileRegistry.start(wrong);
    // A certificate of no days is over in the next second.
    if (days === '0') await new Promise((resolve) => setTimeout(resolve, 1100));
    try {
      stage.write(`etc/docker/certs.d/${server.authority}/ca.crt`, wrong.ca);
      await failsWith('registry-tls', sentence, () => pull(server.authority, true));
    } finally {
      await server.stop();
    }
  }
});

test('a client certificate of certs.d is shown; half a pair is refused by name', { skip: needsOpenssl }, async () => {
  const server = https.createServer(
    { cert: right.cert, key: right.key, ca: right.ca, requestCert: true, rejectUnauthorized: true },
    (_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end('{"schemaVersion":2,"manifests":[]}');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
  const directory = `etc/docker/certs.d/${authority}`;
  try {
    stage.write(`${directory}/ca.crt`, right.ca);
    await failsWith(
      'registry-tls',
      /^127.*team\/app:1: 127.* plyfs do not agree on TLS \(ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED\)/,
      () => pull(authority, true),
    );
    stage.write(`${directory}/client.cert`, right.cert);
    await failsWith(
      'registry-config',
      /client\.cert needs .*client\.key beside it \(a CA's certificate is named \.crt, not \.cert\)/,
      () => pull(authority, true),
    );
    stage.write(`${directory}/client.key`, right.key);
    await pull(authority, true);
    stage.write(`${directory}/lonely.key`, right.key);
    await failsWith('registry-config', /lonely\.key needs .*lonely\.cert beside it/, () => pull(authority, true));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a registry may have an IPv6 address', { skip: needsOpenssl }, async (context) => {
  const server = https.createServer({ cert: right.cert, key: right.key }, (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end('{"schemaVersion":2,"manifests":[]}');
  });
  const isThere = await new Promise<boolean>((resolve) => {
    server.on('error', () => resolve(false));
    server.listen(0, '::1', () => resolve(true));
  });
  if (!isThere) return context.skip('needs IPv6 on the loopback');
  const authority = `[::1]:${(server.address() as AddressInfo).port}`; // it listens on TCP
  try {
    stage.write(`etc/docker/certs.d/${authority}/ca.crt`, right.ca);
    await pull(authority, true);
    await pull(authority, undefined);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
