/** What the calls of one session share: configuration, connections, tokens, credentials, and the hosts met so far. */

import { setMaxListeners } from 'node:events';
import type { Limits } from '../base/limits.js';
import { Attempts } from './attempts.js';
import { hostOf, isLoopback, spellings } from './authority.js';
import type { BlobSite } from './blob.js';
import { ownCertificates } from './certificates.js';
import { Connections } from './connections.js';
import type { Credential } from './credential-files.js';
import { Credentials } from './credentials.js';
import { networkFailure, type Place, statusFailure } from './failure.js';
import { Host } from './host.js';
import { isInsecure, type Site } from './hosts.js';
import { Http } from './http.js';
import { type RegistriesConf, readRegistriesConf } from './registries-conf.js';
import { Secrets } from './secrets.js';
import { machineSettings, type RegistrySettings } from './settings.js';
import { basicHeader, Tokens } from './tokens.js';

export interface RegistryOptions {
  /** Configuration and credentials; by default those of this machine and user (settings.ts). */
  readonly settings?: RegistrySettings;
  /** `--tls-verify`: false makes every registry an insecure one, true none, loopback included. */
  readonly tlsVerify?: boolean | undefined;
  /** Ends every call: it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Told before a request is repeated: a sentence for people. */
  readonly onRetry?: (sentence: string) => void;
}

export class Switchboard {
  readonly settings: RegistrySettings;
  readonly limits: Limits;
  readonly http: Http;
  readonly secrets = new Secrets();
  private readonly connections: Connections;
  private readonly credentials: Credentials;
  private readonly hosts = new Map<string, Host>();
  private readonly ownSignal: AbortSignal | undefined;
  private parsedConf: RegistriesConf | undefined;

  constructor(private readonly options: RegistryOptions) {
    this.settings = options.settings ?? machineSettings();
    this.limits = this.settings.limits;
    this.ownSignal = joined([options.signal]);
    this.connections = new Connections(this.settings, (authority) => !this.isInsecure(authority));
    this.http = new Http(this.connections, this.limits);
    this.credentials = new Credentials(this.settings);
  }

  /** PlyfsError `registry-config` where a file makes no sense. */
  get conf(): RegistriesConf {
    this.parsedConf ??= readRegistriesConf(this.settings);
    return this.parsedConf;
  }

  host({ authority, domain }: Site): Host {
    const key = `${authority} ${domain}`;
    const known = this.hosts.get(key);
    if (known !== undefined) return known;
    const insecure = this.isInsecure(authority);
    const host = new Host(authority, {
      http: this.http,
      tokens: new Tokens(this.http, insecure),
      secrets: this.secrets,
      isInsecure: insecure,
      findCredential: (path) => this.findCredential(domain, path),
    });
    this.hosts.set(key, host);
    return host;
  }

  attempts(signal: AbortSignal | undefined): Attempts {
    return new Attempts(this.limits, signal, (sentence) => this.onRetry(sentence));
  }

  onRetry(sentence: string): void {
    this.options.onRetry?.(this.secrets.hide(sentence));
  }

  /** The session's signal and that of a call in one. */
  signal(ofCall: AbortSignal | undefined): AbortSignal | undefined {
    return ofCall === undefined ? this.ownSignal : joined([ofCall, this.ownSignal]);
  }

  /** A foreign layer's own address: https only, no credentials. */
  foreignSite(text: string, place: Place, attempts: Attempts, signal: AbortSignal | undefined): BlobSite | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== 'https:') return undefined;
    const get: BlobSite['get'] = async (headers) => {
      try {
        return await this.http.request({ method: 'GET', url, headers, attempts, signal });
      } catch (error) {
        signal?.throwIfAborted();
        throw networkFailure(error, place);
      }
    };
    const refusal: BlobSite['refusal'] = async (answer) => {
      await answer.discard();
      return statusFailure({ status: answer.status, text: '', host: url.host, hadCredential: false }, place);
    };
    return { authority: url.host, place, get, refusal };
  }

  close(): void {
    this.connections.close();
  }

  /** A CA of its own in certs.d makes a loopback registry one to verify. */
  private isInsecure(authority: string): boolean {
    if (this.options.tlsVerify !== undefined) return !this.options.tlsVerify;
    if (!spellings(authority).some((spelled) => isInsecure(this.conf, spelled))) return false;
    return !isLoopback(hostOf(authority)) || ownCertificates(authority, this.settings).ca.length === 0;
  }

  private async findCredential(domain: string, path: string): Promise<Credential | undefined> {
    const credential = await this.credentials.find(domain, path);
    if (credential === undefined) return undefined;
    this.secrets.add(credential.secret);
    if (credential.kind === 'password') this.secrets.add(basicHeader(credential).slice('Basic '.length));
    return credential;
  }
}

/** A signal of our own: each request listens to it, and Node would warn about ten of them. */
function joined(signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  if (given.length === 0) return undefined;
  const signal = AbortSignal.any(given);
  setMaxListeners(0, signal);
  return signal;
}
