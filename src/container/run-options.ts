/** What `create` is told of how a container is to run, in docker's words; kept in its record as docker's Config has it. */

import { PlyfsError } from '../base/errors.js';
import { type RunConfig, runConfigFrom } from '../oci/run-config.js';

export interface RunOptions {
  readonly command?: readonly string[];
  readonly entrypoint?: string | undefined;
  /** `NAME=value`, or `NAME` for the value it has here. */
  readonly env?: readonly string[];
  /** `KEY=value` or `KEY` */
  readonly labels?: readonly string[];
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  readonly hostname?: string | undefined;
  readonly isTerminal?: boolean;
  readonly isInteractive?: boolean;
}

/** The members of Config that `options` set otherwise than the image's config does. PlyfsError `usage`. */
export function chosenConfig(image: RunConfig, options: RunOptions): Record<string, unknown> {
  const { command = [], entrypoint, env = [], labels = [], user, workdir, hostname } = options;
  return {
    ...(hostname === undefined ? {} : { Hostname: hostname }),
    ...(user === undefined ? {} : { User: user }),
    ...(options.isTerminal === true ? { Tty: true } : {}),
    ...(options.isInteractive === true ? { OpenStdin: true } : {}),
    ...(env.length === 0 ? {} : { Env: mergedEnv(image.Env ?? [], env) }),
    // Another entrypoint does not get the image's arguments.
    ...(command.length > 0 ? { Cmd: command } : entrypoint !== undefined ? { Cmd: [] } : {}),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint === '' ? [] : [entrypoint] }),
    ...(labels.length === 0 ? {} : { Labels: { ...image.Labels, ...Object.fromEntries(labels.map(pairOf)) } }),
  };
}

/** What a container of the image runs and with what. */
export function runConfigOf(imageConfig: unknown, chosen: Readonly<Record<string, unknown>>): RunConfig {
  return runConfigFrom({ ...(typeof imageConfig === 'object' ? imageConfig : {}), ...chosen });
}

function mergedEnv(former: readonly string[], chosen: readonly string[]): string[] {
  const values = new Map(former.map((text) => [nameOf(text), text]));
  for (const text of chosen) {
    const name = nameOf(text);
    if (name === '') throw new PlyfsError('usage', `--env ${text}: write NAME=value`);
    const here = process.env[name];
    if (text.includes('=')) values.set(name, text);
    // docker takes a variable that is not set here away.
    else if (here === undefined) values.delete(name);
    else values.set(name, `${name}=${here}`);
  }
  return [...values.values()];
}

function nameOf(text: string): string {
  return text.split('=')[0] ?? '';
}

function pairOf(text: string): [string, string] {
  const [key = '', ...rest] = text.split('=');
  if (key === '') throw new PlyfsError('usage', `--label ${text}: write KEY=value`);
  return [key, rest.join('=')];
}
