/** TLS through a proxy: a tunnel that the proxy opens (CONNECT, RFC 9110 9.3.6). */

import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { hostOf } from './authority.js';
import { Trouble, troubleWords } from './trouble.js';

export interface Proxy {
  readonly url: URL;
  /** Who may have signed its certificate, where it is spoken to with TLS. */
  readonly ca: string[];
  /** How long it may take to open the way. */
  readonly stallMs: number;
}

export class TunnelAgent extends https.Agent {
  /** Tunnels that are not open yet: Node does not know of them. */
  private readonly opening = new Set<http.ClientRequest>();

  constructor(
    private readonly proxy: Proxy,
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
    const host = options.host ?? '';
    this.open(`${host.includes(':') ? `[${host}]` : host}:${options.port}`).then(
      (socket) => callback(null, tls.connect({ ...tlsOptions, socket })),
      (error: Error) => failed(error),
    );
  }

  override destroy(): void {
    for (const request of this.opening) request.destroy();
    super.destroy();
  }

  private connect(target: string): http.ClientRequest {
    const { url, ca } = this.proxy;
    const module = url.protocol === 'https:' ? https : http;
    const headers = { Host: target, ...proxyAuthorization(url) };
    return module.request({ method: 'CONNECT', host: hostOf(url), port: portOf(url), path: target, headers, agent: false, ca });
  }

  private open(target: string): Promise<Duplex> {
    const { url, stallMs } = this.proxy;
    const request = this.connect(target);
    this.opening.add(request);
    return new Promise<Duplex>((resolve, reject) => {
      const fail = (detail: string, cause?: unknown): void =>
        reject(new Trouble('proxy', target, `${url.host} ${detail}`, { cause }));
      const timer = setTimeout(() => {
        fail('sends nothing');
        request.destroy();
      }, stallMs);
      request.on('close', () => clearTimeout(timer));
      request.on('connect', ({ statusCode = 0 }, socket, head) => {
        clearTimeout(timer);
        this.opening.delete(request);
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
      request.on('error', (error) => fail(troubleWords(error), error));
      request.end();
    }).finally(() => this.opening.delete(request));
  }
}

export function portOf(proxy: URL): number {
  return Number(proxy.port) || (proxy.protocol === 'https:' ? 443 : 80);
}

export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decoded(proxy.username)}:${decoded(proxy.password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** A percent sign that begins no code stands for itself. */
function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll(/%(?![0-9a-fA-F]{2})/g, '%25'));
}
