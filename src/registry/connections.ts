/** Sockets: one agent for each origin, with its certificates and its proxy. A proxy is asked for a tunnel (CONNECT) where TLS runs through it,
 *  and for the whole URL where it does not. */

import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { hostOf } from './authority.js';
import { certificatesFor } from './certificates.js';
import { proxyFor } from './proxies.js';
import type { RegistrySettings } from './settings.js';
import { Trouble, troubleWords } from './trouble.js';

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
    const route = { agent: url.protocol === 'https:' ? this.secureAgent(url, proxy) : plainAgent(proxy), proxy };
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
    return new TunnelAgent(proxy, options);
  }
}

function plainAgent(proxy: URL | undefined): http.Agent {
  return proxy?.protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
}

function portOf(proxy: URL): number {
  return Number(proxy.port) || (proxy.protocol === 'https:' ? 443 : 80);
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** TLS within a tunnel through a proxy. */
class TunnelAgent extends https.Agent {
  constructor(
    private readonly proxy: URL,
    options: https.AgentOptions,
  ) {
    super(options);
  }

  /** Called by Node for a new connection (http.Agent, "agent.createConnection"). */
  override createConnection(
    options: https.RequestOptions,
    callback: (error: Error | null, stream: Duplex) => void = () => {},
  ): undefined {
    const failed = callback as (error: Error) => void; // Node takes no stream along with an error
    const tlsOptions = options as tls.ConnectionOptions; // what Node makes of the agent's options
    openTunnel(this.proxy, `${bracketed(options.host ?? '')}:${options.port}`).then(
      (socket) => callback(null, tls.connect({ ...tlsOptions, socket })),
      (error: Error) => failed(error),
    );
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function openTunnel(proxy: URL, target: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const module = proxy.protocol === 'https:' ? https : http;
    const request = module.request({
      method: 'CONNECT',
      host: hostOf(proxy),
      port: portOf(proxy),
      path: target,
      headers: { Host: target, ...proxyAuthorization(proxy) },
      agent: false,
    });
    const fail = (detail: string, cause?: unknown): void =>
      reject(new Trouble('proxy', target, `${proxy.host} ${detail}`, { cause }));
    request.on('connect', ({ statusCode = 0 }, socket, head) => {
      if (statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      fail(statusCode === 407 ? 'asks for a user and password' : `answers ${statusCode}`);
    });
    request.on('response', (answer) => {
      answer.resume();
      fail(`answers ${answer.statusCode}`);
    });
    request.on('error', (error: NodeJS.ErrnoException) => fail(troubleWords(error), error));
    request.end();
  });
}
