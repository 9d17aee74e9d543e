/** Sockets: one agent for each origin, with its certificates and its proxy. A proxy is asked for a tunnel (CONNECT) where TLS runs through it,
 *  and for the whole URL where it does not. */

import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { hostOf } from './authority.js';
import { certificatesFor } from './certificates.js';
import { proxyFor } from './proxies.js';
import type { RegistrySettings } from './settings.js';
import { portOf, proxyAuthorization, TunnelAgent } from './tunnel.js';

/** Tokens go into answers too: Node's limit of 16 KiB for all headers is little. */
const maxHeaderSize = 128 * 1024;

interface Route {
  readonly agent: http.Agent;
  /** Where plain http goes through a proxy. */
  readonly proxy: URL | undefined;
}

export class Connections {
  private readonly routes = new Map<string, Route>();

  constructor(
    private readonly settings: RegistrySettings,
    /** Whether the certificate of `host:port` has to be right. */
    private readonly isVerified: (authority: string) => boolean,
  ) {}

  /** A request that is not yet sent. PlyfsError `registry-config` for certificates and proxies that make no sense. */
  open(method: string, url: URL, headers: Record<string, string>, signal: AbortSignal | undefined): http.ClientRequest {
    const { agent, proxy } = this.route(url);
    const shared = { method, agent, maxHeaderSize, ...(signal === undefined ? {} : { signal }) };
    const path = url.pathname + url.search;
    if (url.protocol === 'https:') {
      return https.request({
        ...shared,
        host: hostOf(url),
        port: url.port || 443,
        path,
        headers: { Host: url.host, ...headers },
      });
    }
    if (proxy === undefined) {
      return http.request({ ...shared, host: hostOf(url), port: url.port || 80, path, headers: { Host: url.host, ...headers } });
    }
    const whole = { ...shared, path: url.href, headers: { Host: url.host, ...headers, ...proxyAuthorization(proxy) } };
    const module = proxy.protocol === 'https:' ? https : http;
    return module.request({ ...whole, host: hostOf(proxy), port: portOf(proxy) });
  }

  close(): void {
    for (const { agent } of this.routes.values()) agent.destroy();
    this.routes.clear();
  }

  private route(url: URL): Route {
    const known = this.routes.get(url.origin);
    if (known !== undefined) return known;
    const proxy = proxyFor(url, this.settings.env);
    const route = { agent: url.protocol === 'https:' ? this.secureAgent(url, proxy) : this.plainAgent(proxy), proxy };
    this.routes.set(url.origin, route);
    return route;
  }

  private secureAgent(url: URL, proxy: URL | undefined): https.Agent {
    const { ca, clients } = certificatesFor(url.host, this.settings);
    const secureContext = tls.createSecureContext({
      ca: [...ca],
      ...(clients.length === 0 ? {} : { cert: clients.map(({ cert }) => cert), key: clients.map(({ key }) => key) }),
    });
    const options = { keepAlive: true, secureContext, rejectUnauthorized: this.isVerified(url.host) };
    if (proxy === undefined) return new https.Agent(options);
    return new TunnelAgent({ url: proxy, ca: this.proxyCa(proxy), stallMs: this.settings.limits.stallMs }, options);
  }

  private plainAgent(proxy: URL | undefined): http.Agent {
    return proxy?.protocol === 'https:'
      ? new https.Agent({ keepAlive: true, ca: this.proxyCa(proxy) })
      : new http.Agent({ keepAlive: true });
  }

  /** Who may have signed for a proxy that is spoken to with TLS. */
  private proxyCa(proxy: URL): string[] {
    return proxy.protocol === 'https:' ? [...certificatesFor(proxy.host, this.settings).ca] : [];
  }
}
