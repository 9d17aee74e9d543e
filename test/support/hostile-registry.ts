/** A small registry in node:http for a test: right by default, and wrong where the test gives it a rule. It keeps what it was asked, so
 *  that tests can count bytes and look for credentials. */

import { createHash } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../src/base/digest.js';
import { mediaTypes } from '../../src/oci/media-types.js';

export interface Seen {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
}

export interface Request extends Seen {
  readonly url: URL;
  readonly incoming: IncomingMessage;
}

/** Answers, or resolves to false: then the next rule may. */
export type Rule = (request: Request, response: ServerResponse) => boolean | Promise<boolean>;

interface Upload {
  bytes: Buffer;
}

export class HostileRegistry {
  readonly seen: Seen[] = [];
  readonly blobs = new Map<string, Buffer>();
  /** By `repository/reference`. */
  readonly manifests = new Map<string, { bytes: Buffer; mediaType: string }>();
  readonly uploads = new Map<string, Upload>();
  /** Bytes of blobs that went out. */
  sentBytes = 0;
  rules: Rule[] = [];
  private readonly sockets = new Set<Socket>();
  private serial = 0;

  private constructor(
    private readonly server: http.Server,
    private readonly scheme: string,
  ) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket)).on('error', () => {});
    });
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      incoming.on('error', () => {});
      response.on('error', () => {});
      void this.answer(incoming, response).catch((error: unknown) => {
        // A body that the client broke off.
        if (!incoming.destroyed && !response.destroyed) response.destroy(error instanceof Error ? error : undefined);
      });
    });
  }

  /** On a free port of the loopback; with TLS where a certificate is given. */
  static async start(tls?: { cert: string; key: string }): Promise<HostileRegistry> {
    const server = tls === undefined ? http.createServer() : https.createServer(tls);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HostileRegistry(server, tls === undefined ? 'http' : 'https');
  }

  get authority(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`; // it listens on TCP
  }

  get origin(): string {
    return `${this.scheme}://${this.authority}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  putBlob(bytes: Buffer): Digest {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest; // just made
    this.blobs.set(digest, bytes);
    return digest;
  }

  /** A manifest of one config and no layer, under a tag and its digest. */
  putManifest(repository: string, tag: string): Digest {
    const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
    const descriptor = { mediaType: mediaTypes.config, digest: this.putBlob(config), size: config.length };
    const document = { schemaVersion: 2, mediaType: mediaTypes.manifest, config: descriptor, layers: [] };
    return this.putDocument(repository, tag, Buffer.from(JSON.stringify(document)), mediaTypes.manifest);
  }

  putDocument(repository: string, tag: string, bytes: Buffer, mediaType: string): Digest {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest; // just made
    for (const reference of [tag, digest]) this.manifests.set(`${repository}/${reference}`, { bytes, mediaType });
    return digest;
  }

  /** Requests whose `METHOD path` matches. */
  asked(pattern: RegExp): Seen[] {
    return this.seen.filter(({ method, path }) => pattern.test(`${method} ${path}`));
  }

  private async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = incoming;
    const seen = { method, path, headers };
    this.seen.push(seen);
    const request = { ...seen, url: new URL(path, this.origin), incoming };
    for (const rule of this.rules) if (await rule(request, response)) return;
    await this.asRegistry(request, response);
  }

  private async asRegistry(request: Request, response: ServerResponse): Promise<void> {
    const { pathname } = request.url;
    const [, repository = '', kind = '', rest = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.*)$/.exec(pathname) ?? [];
    if (pathname === '/v2/') return send(response, 200, {}, '{}');
    if (kind === 'tags') {
      const prefix = `${repository}/`;
      const tags = [...this.manifests.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
      return sendJson(response, 200, { name: repository, tags: tags.filter((tag) => !tag.startsWith('sha256:')) });
    }
    if (kind === 'manifests') return this.manifest(request, response, `${repository}/${rest}`);
    const upload = /^(.+)\/uploads\/(.*)$/.exec(`${repository}/${rest}`);
    if (kind === 'blobs' && upload !== null) return this.upload(request, response, upload[1]!, upload[2]!); // both groups are in the pattern
    const inner = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(pathname);
    if (inner !== null) return this.upload(request, response, inner[1]!, inner[2]!);
    if (kind === 'blobs') return this.blob(request, response, rest);
    refuse(response, 404, 'NAME_UNKNOWN');
  }

  private async manifest(request: Request, response: ServerResponse, key: string): Promise<void> {
    if (request.method === 'PUT') {
      const bytes = await buffer(request.incoming);
      const mediaType = request.headers['content-type'] ?? '';
      this.manifests.set(key, { bytes, mediaType });
      return send(response, 201, {}, '');
    }
    const manifest = this.manifests.get(key);
    if (manifest === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN');
    const { bytes, mediaType } = manifest;
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    send(
      response,
      200,
      { 'Content-Type': mediaType, 'Docker-Content-Digest': digest },
      request.method === 'HEAD' ? '' : bytes,
      bytes.length,
    );
  }

  private blob(request: Request, response: ServerResponse, digest: string): void {
    const bytes = this.blobs.get(digest);
    const tag = { ETag: `"${digest}"` };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (bytes === undefined) refuse(response, 404, 'BLOB_UNKNOWN');
    else if (request.method === 'HEAD') send(response, 200, tag, '', bytes.length);
    else if (range === null) this.sendBytes(response, 200, tag, bytes);
    else this.sendPart(response, tag, bytes, Number(range[1]), range[2] === '' ? bytes.length : Number(range[2]) + 1);
  }

  private sendPart(response: ServerResponse, tag: http.OutgoingHttpHeaders, bytes: Buffer, start: number, upTo: number): void {
    const end = Math.min(upTo, bytes.length);
    if (start >= bytes.length) send(response, 416, { 'Content-Range': `bytes */${bytes.length}` }, '');
    else
      this.sendBytes(
        response,
        206,
        { ...tag, 'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}` },
        bytes.subarray(start, end),
      );
  }

  /** Counts what goes out. */
  sendBytes(response: ServerResponse, status: number, headers: http.OutgoingHttpHeaders, bytes: Buffer): void {
    this.sentBytes += bytes.length;
    send(response, status, headers, bytes);
  }

  private async upload(request: Request, response: ServerResponse, repository: string, id: string): Promise<void> {
    if (request.method === 'POST') {
      this.serial += 1;
      this.uploads.set(String(this.serial), { bytes: Buffer.alloc(0) });
      return send(response, 202, { Location: this.place(repository, String(this.serial)), Range: '0-0' }, '');
    }
    const upload = this.uploads.get(id);
    if (upload === undefined) return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    if (request.method === 'DELETE') {
      this.uploads.delete(id);
      return send(response, 204, {}, '');
    }
    // What came before a break is kept.
    if (request.method !== 'GET') {
      for await (const chunk of request.incoming) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]);
    }
    const headers = { Location: this.place(repository, id), Range: `0-${Math.max(0, upload.bytes.length - 1)}` };
    if (request.method !== 'PUT') return send(response, request.method === 'GET' ? 204 : 202, headers, '');
    this.uploads.delete(id);
    const digest = request.url.searchParams.get('digest') ?? '';
    if (this.putBlob(upload.bytes) !== digest) {
      this.blobs.delete(digest);
      return refuse(response, 400, 'DIGEST_INVALID');
    }
    send(response, 201, { 'Docker-Content-Digest': digest }, '');
  }

  /** Relative, and with a query of its own. */
  private place(repository: string, id: string): string {
    return `/v2/${repository}/blobs/uploads/${id}?_state=s%2B${id}`;
  }
}

export function send(
  response: ServerResponse,
  status: number,
  headers: http.OutgoingHttpHeaders,
  body: string | Buffer,
  length = Buffer.byteLength(body),
): void {
  response.writeHead(status, { ...(status === 204 ? {} : { 'Content-Length': length }), ...headers });
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: http.OutgoingHttpHeaders = {}): void {
  send(response, status, { 'Content-Type': 'application/json', ...headers }, JSON.stringify(value));
}

export function refuse(response: ServerResponse, status: number, code: string, headers: http.OutgoingHttpHeaders = {}): void {
  sendJson(response, status, { errors: [{ code, message: code.toLowerCase().replaceAll('_', ' '), detail: null }] }, headers);
}

/** A rule for requests whose `METHOD path` matches. */
export function on(pattern: RegExp, answer: (request: Request, response: ServerResponse) => void | Promise<void>): Rule {
  return async (request, response) => {
    if (!pattern.test(`${request.method} ${request.path}`)) return false;
    await answer(request, response);
    return true;
  };
}

/** The rule for its first `count` requests. */
export function times(count: number, rule: Rule): Rule {
  let left = count;
  return async (request, response) => {
    if (left === 0) return false;
    const taken = await rule(request, response);
    if (taken) left -= 1;
    return taken;
  };
}

/** Sends `bytes` of what was promised, and breaks off. */
export function cut(response: ServerResponse, status: number, headers: http.OutgoingHttpHeaders, bytes: Buffer): void {
  response.writeHead(status, headers);
  response.flushHeaders();
  if (bytes.length === 0) setTimeout(() => response.destroy(), 5);
  else response.write(bytes, () => setTimeout(() => response.destroy(), 5));
}
