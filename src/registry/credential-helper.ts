/** docker-credential-X: programs that keep credentials (docker's credential-helpers protocol: the server or JSON on stdin, JSON on stdout).
 *  A secret travels on pipes only, never in an argument. */

import { spawn } from 'node:child_process';
import { PlyfsError } from '../base/errors.js';
import { JsonObject } from '../oci/json.js';
import type { Credential } from './credential-files.js';
import type { RegistrySettings } from './settings.js';

const timeLimitMs = 30_000;
const outputLimit = 1024 * 1024;
/** What helpers say when they have nothing; the exit status is 1 as for failures. */
const nothingFound = /credentials not found|no credentials server url|no credentials username/i;
/** The user name that marks an identity token. */
const tokenUser = '<token>';

export class CredentialHelper {
  private readonly program: string;

  /** PlyfsError `registry-config` for a name that is a path: it comes from a file that others may write. */
  constructor(
    name: string,
    private readonly settings: RegistrySettings,
  ) {
    if (!/^[\w.-]+$/.test(name)) {
      throw new PlyfsError(
        'registry-config',
        `"${name}" is not the name of a credential helper: correct credsStore or credHelpers`,
      );
    }
    this.program = `docker-credential-${name}`;
  }

  /** Undefined where it has none for `server`. */
  async get(server: string): Promise<Credential | undefined> {
    const answer = await this.run('get', server);
    if (answer === undefined) return undefined;
    const object = this.parse(answer);
    const [user, secret] = [object.optionalText('Username') ?? '', object.optionalText('Secret') ?? ''];
    if (secret === '') return undefined;
    return user === tokenUser ? { kind: 'identity-token', secret } : { kind: 'password', user, secret };
  }

  async store(server: string, credential: Credential): Promise<void> {
    const user = credential.kind === 'password' ? credential.user : tokenUser;
    await this.run('store', JSON.stringify({ ServerURL: server, Username: user, Secret: credential.secret }));
  }

  /** False where there was nothing. */
  async erase(server: string): Promise<boolean> {
    return (await this.run('erase', server)) !== undefined;
  }

  private parse(answer: string): JsonObject {
    try {
      return new JsonObject(JSON.parse(answer), this.program);
    } catch {
      // The cause quotes what the helper said, which may be a secret.
      throw new PlyfsError(
        'registry-config',
        `${this.program} did not answer in JSON: run "${this.program} version" to see what it is`,
      );
    }
  }

  /** What it printed; undefined where it found nothing. */
  private run(action: string, input: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.program, [action], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: this.settings.env,
        timeout: timeLimitMs,
      });
      let output = '';
      child.on('error', (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'ENOENT' ? 'is not installed (or not in PATH)' : `could not be started (${cause.code})`;
        reject(this.failure(why));
      });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.length > outputLimit) child.kill();
      });
      child.stdin.on('error', () => {}); // it may end without reading
      child.stdin.end(input);
      child.on('close', (status, signal) => {
        if (status === 0) resolve(output);
        else if (signal !== null) reject(this.failure(`gave no answer to "${action}" within ${timeLimitMs / 1000} s`));
        else if (nothingFound.test(output)) resolve(undefined);
        else reject(this.failure(`failed at "${action}" with status ${status}`));
      });
    });
  }

  private failure(why: string): PlyfsError {
    return new PlyfsError(
      'registry-credentials',
      `the credential helper ${this.program} ${why}: mend it, or take it out of credsStore and credHelpers in docker's config.json`,
    );
  }
}
