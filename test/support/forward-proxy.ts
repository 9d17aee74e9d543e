/** A proxy for a test: tunnels (CONNECT) and whole URLs, all to where the test says; it keeps what it was asked. */

import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

export class ForwardProxy {
  /** `CONNECT host:443` or `GET http://host/...`, and the Proxy-Authorization. */
  readonly asked: { readonly line: string; readonly authorization: string | undefined }[] = [];
  /** What it answers a CONNECT with; 0: nothing. */
  status = 200;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: http.Server,
    private readonly portFor: (target: string) => number,
  ) {
    this.server.on('connect', (request, socket: Socket) => {
      this.note(request);
      this.keep(socket);
      if (this.status === 0) {
        socket.resume().on('end', () => socket.destroy());
        return;
      }
      if (this.status !== 200) {
        socket.end(`HTTP/1.1 ${this.status} no\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const inner = this.keep(connect(this.portFor(request.url ?? ''), '127.0.0.1'));
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      inner.pipe(socket).pipe(inner);
    });
    this.server.on('request', (request, response) => {
      this.note(request);
      const url = new URL(request.url ?? '');
      const inner = http.request(
        {
          host: '127.0.0.1',
          port: this.portFor(url.host),
          path: url.pathname + url.search,
          method: request.method ?? 'GET',
          headers: request.headers,
        },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(inner);
    });
    this.server.on('connection', (socket: Socket) => this.keep(socket));
  }

  /** Is spoken to with TLS where a certificate is given. */
  static async start(portFor: (target: string) => number, tls?: { cert: string; key: string }): Promise<ForwardProxy> {
    const proxy = new ForwardProxy(tls === undefined ? http.createServer() : https.createServer(tls), portFor);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get authority(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`; // it listens on TCP
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get connections(): number {
    return this.sockets.size;
  }

  private note(request: http.IncomingMessage): void {
    this.asked.push({ line: `${request.method} ${request.url}`, authorization: request.headers['proxy-authorization'] });
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    return socket.on('close', () => this.sockets.delete(socket)).on('error', () => {});
  }
}
