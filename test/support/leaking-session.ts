/** A program for a test: talks to a registry and a token service that send every credential back, in bodies, headers and redirects, and prints
 *  what a user would see of it: sentences, causes, retries; the trace goes to stderr by PLYFS_TRACE. */

import { RegistrySession } from '../../src/registry/client.js';
import { HostileRegistry, on, send, sendJson } from './hostile-registry.js';
import { RegistryStage } from './registry-stage.js';

const stage = new RegistryStage();
const registry = await HostileRegistry.start();
const service = await HostileRegistry.start();

function echo(status: number) {
  return on(/./, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request.incoming) chunks.push(chunk as Buffer);
    const text = `you sent ${request.headers.authorization} ${request.path} ${Buffer.concat(chunks).toString()}`;
    const headers = { 'WWW-Authenticate': `Bearer realm="${service.origin}/token",service="x"`, Warning: text };
    sendJson(response, status, { errors: [{ code: 'ECHO', message: text }] }, headers);
  });
}

async function show(): Promise<void> {
  const session = new RegistrySession({ settings: stage.settings(), onRetry: (sentence) => console.log(sentence) });
  const app = session.repository({ domain: registry.authority, path: 'team/app' });
  try {
    await app.getManifest('1');
  } catch (error) {
    // With its stack and causes, as a bug report has it.
    console.log(error);
  } finally {
    session.close();
  }
}

const tokens = on(/token/, (_, response) => sendJson(response, 200, { token: 'tok-leak' }));
stage.logIn(registry.authority, 'ann', 'pa:ss-leak');
for (const status of [401, 403, 404, 429, 500, 400]) {
  registry.rules = [
    on(/\/v2\/$/, (_, response) => send(response, 401, { 'WWW-Authenticate': 'Basic realm="x"' }, '')),
    echo(status),
  ];
  await show();
  registry.rules = [echo(401)];
  service.rules = [tokens];
  await show();
  service.rules = [echo(status)];
  await show();
}
stage.write('home/.docker/config.json', JSON.stringify({ auths: { [registry.authority]: { identitytoken: 'refresh-leak' } } }));
await show();
stage.write('home/.docker/config.json', '{"auths": {"x": {"auth": "pa:ss-leak"');
await show();
await registry.stop();
await service.stop();
stage.remove();
