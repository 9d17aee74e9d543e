/** Which proxy a URL is asked through: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as Go's programs read them (golang.org/x/net/http/httpproxy). */

import { isIP } from 'node:net';
import { PlyfsError } from '../base/errors.js';
import { hostOf, isInNetwork, isLoopback } from './authority.js';
import type { RegistrySettings } from './settings.js';

/** The proxy for `url`; undefined: straight. PlyfsError `registry-config` for a proxy that plyfs cannot speak to. */
export function proxyFor(url: URL, env: RegistrySettings['env']): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = setting(env, name);
  if (text === '' || isLoopback(hostOf(url)) || isExempt(url, setting(env, 'NO_PROXY'))) return undefined;
  const spelled = /^[a-z0-9+.-]+:\/\//i.test(text) ? text : `http://${text}`;
  const proxy = URL.canParse(spelled) ? new URL(spelled) : undefined;
  if (proxy === undefined || (proxy.protocol !== 'http:' && proxy.protocol !== 'https:')) {
    throw new PlyfsError('registry-config', `${name} does not name an http or https proxy: write it as http://HOST:PORT`);
  }
  return proxy;
}

function setting(env: RegistrySettings['env'], name: string): string {
  return (env[name] || env[name.toLowerCase()] || '').trim();
}

/** `example.com` stands for itself and what is below it, `.example.com` only for what is below; networks are for addresses; a port must agree. */
function isExempt(url: URL, list: string): boolean {
  const host = hostOf(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .some((word) => {
      if (word === '*') return true;
      if (word.includes('/')) return isInNetwork(host, word);
      const [, name = '', wantedPort] = /^(\[[^\]]*\]|[^:]*|[^:]*:[^:]*:.*?)(?::(\d+))?$/.exec(word.toLowerCase()) ?? [];
      if (wantedPort !== undefined && wantedPort !== port) return false;
      const bare = name.replace(/^\[|\]$/g, '');
      if (isIP(bare) !== 0) return bare === host;
      const below = bare.replace(/^\*?\./, '');
      return host.endsWith(`.${below}`) || (below === bare && host === bare);
    });
}
