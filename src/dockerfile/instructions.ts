/** Dockerfile instructions that change an image's config: `commit --change`, `import --change` (M-3). */

import { PlyfsError } from '../base/errors.js';
import { dockerWords, expandText } from './words.js';

type Config = Record<string, unknown>;

interface Draft {
  readonly config: Config;
  /** CMD was given: an ENTRYPOINT then leaves it alone. */
  hasCommand: boolean;
}

/** One row for each instruction that is allowed; `rest` is what stands behind the word. */
const instructions: Readonly<Record<string, (draft: Draft, rest: string) => void>> = {
  CMD: (draft, rest) => {
    draft.config.Cmd = commandOf(rest);
    draft.hasCommand = true;
  },
  ENTRYPOINT: (draft, rest) => {
    draft.config.Entrypoint = commandOf(rest);
    // The former command was meant for the former entry point.
    if (!draft.hasCommand) delete draft.config.Cmd;
  },
  ENV: ({ config }, rest) => {
    const env = textsOf(config.Env);
    for (const [key, value] of pairsOf('ENV', rest, env)) {
      const at = env.findIndex((item) => item.startsWith(`${key}=`));
      if (at < 0) env.push(`${key}=${value}`);
      else env[at] = `${key}=${value}`;
    }
    config.Env = env;
  },
  EXPOSE: ({ config }, rest) => {
    const ports = dockerWords(rest, textsOf(config.Env)).flatMap(portsOf);
    if (ports.length === 0) throw refused('EXPOSE', rest, 'names no port');
    config.ExposedPorts = withKeys(config.ExposedPorts, ports);
  },
  HEALTHCHECK: ({ config }, rest) => {
    config.Healthcheck = healthcheckOf(rest);
  },
  LABEL: ({ config }, rest) => {
    config.Labels = { ...objectOf(config.Labels), ...Object.fromEntries(pairsOf('LABEL', rest, textsOf(config.Env))) };
  },
  ONBUILD: ({ config }, rest) => {
    const word = rest.split(/\s/)[0]?.toUpperCase() ?? '';
    if (word === '') throw refused('ONBUILD', rest, 'has no instruction');
    if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(word)) throw refused('ONBUILD', rest, `cannot hold ${word}`);
    config.OnBuild = [...textsOf(config.OnBuild), rest];
  },
  STOPSIGNAL: ({ config }, rest) => {
    const signal = expandText(rest, textsOf(config.Env));
    if (!/^(\d{1,2}|(SIG)?[A-Z][A-Z0-9+-]*)$/i.test(signal)) throw refused('STOPSIGNAL', rest, 'is no signal');
    config.StopSignal = signal;
  },
  USER: ({ config }, rest) => {
    config.User = expandText(rest, textsOf(config.Env));
  },
  VOLUME: ({ config }, rest) => {
    const paths = jsonList(rest) ?? dockerWords(rest, textsOf(config.Env));
    if (paths.length === 0 || paths.includes('')) throw refused('VOLUME', rest, 'names no directory');
    config.Volumes = withKeys(config.Volumes, paths);
  },
  WORKDIR: ({ config }, rest) => {
    const path = expandText(rest, textsOf(config.Env));
    const former = typeof config.WorkingDir === 'string' && config.WorkingDir !== '' ? config.WorkingDir : '/';
    config.WorkingDir = cleanPath(path.startsWith('/') ? path : `${former}/${path}`);
  },
};

/** A copy of `config` (the `config` member of an image's config) with the instructions carried out in order. PlyfsError `change`, exit
 *  status 2, for an instruction that is not allowed or makes no sense. */
export function applyChanges(config: Readonly<Config>, changes: readonly string[]): Config {
  const draft: Draft = { config: { ...config }, hasCommand: false };
  for (const line of instructionLines(changes.join('\n'))) {
    const [, word = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(line) ?? [];
    const name = word.toUpperCase();
    if (!Object.hasOwn(instructions, name)) {
      const allowed = Object.keys(instructions).join(', ');
      throw new PlyfsError('change', `${word} is not allowed in a change: use ${allowed}`);
    }
    if (rest === '') throw refused(name, rest, 'has no argument');
    instructions[name]!(draft, rest); // looked up above
  }
  return draft.config;
}

/** The instructions of a text, one a line: a backslash at the end of a line joins the next one to it, and lines of comment and empty ones
 *  are none, between joined lines too (BuildKit's parser). */
function instructionLines(text: string): string[] {
  const found: string[] = [];
  let begun = '';
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    const joined = /^(|.*[^\\])\\[ \t]*$/.exec(line)?.[1];
    begun += joined ?? line;
    if (joined !== undefined) continue;
    found.push(begun);
    begun = '';
  }
  return [...found, begun].filter((line) => line.trim() !== '');
}

function refused(instruction: string, rest: string, why: string): PlyfsError {
  return new PlyfsError('change', `the change ${instruction} ${rest} ${why}`);
}

/** The JSON form, or the shell form, which a shell is to run. */
function commandOf(rest: string): string[] {
  return jsonList(rest) ?? ['/bin/sh', '-c', rest];
}

/** A JSON list of strings; undefined for anything else, which then is the shell form, as docker takes it. */
function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `key=value ...`, or the old form `key value`, in which the value is the rest of the line. */
function pairsOf(instruction: string, rest: string, env: readonly string[]): [string, string][] {
  const first = /^(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|\S)+/.exec(rest)?.[0] ?? ''; // blanks in quotes do not end it
  if (!first.includes('=')) {
    const [, key = '', value = ''] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (key === '') throw refused(instruction, rest, 'must be KEY=VALUE');
    return [[expandText(key, env), expandText(value, env)]];
  }
  return dockerWords(rest, env).map((word) => {
    const equals = word.indexOf('=');
    if (equals <= 0) throw refused(instruction, rest, 'must be KEY=VALUE ...');
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** `80`, `53/udp`, `8000-8002/tcp`. */
function portsOf(word: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (match === null || first > last || last > 65_535) throw refused('EXPOSE', word, 'is no port');
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`);
}

const healthOptions: Readonly<Record<string, string>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
};

function healthcheckOf(rest: string): Config {
  const found: Config = {};
  let left = rest;
  for (let match = /^--([a-z-]+)=(\S+)\s*/.exec(left); match !== null; match = /^--([a-z-]+)=(\S+)\s*/.exec(left)) {
    const [whole, option = '', value = ''] = match;
    const field = Object.hasOwn(healthOptions, option) ? healthOptions[option] : undefined;
    if (field === undefined) throw refused('HEALTHCHECK', rest, `has an unknown option --${option}`);
    found[field] = field === 'Retries' ? retriesOf(value, rest) : nanosecondsOf(value, rest);
    left = left.slice(whole.length);
  }
  if (left.toUpperCase() === 'NONE') return { Test: ['NONE'] };
  const command = /^CMD\s+(.+)$/is.exec(left)?.[1];
  if (command === undefined) throw refused('HEALTHCHECK', rest, 'must be NONE or [OPTIONS] CMD command');
  const list = jsonList(command);
  return { Test: list === undefined ? ['CMD-SHELL', command] : ['CMD', ...list], ...found };
}

function retriesOf(text: string, rest: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= 1) return Number(text);
  throw refused('HEALTHCHECK', rest, 'needs at least one retry');
}

const unitNanoseconds: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

/** A duration as Go writes it: `1m30s`, `500ms`. */
function nanosecondsOf(text: string, rest: string): number {
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) throw refused('HEALTHCHECK', rest, `has no duration in ${text}`);
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g))
    sum += Number(number) * unitNanoseconds[unit!]!; // both matched
  return Math.round(sum);
}

/** `.`, `..` and doubled slashes resolved. PRE: absolute. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function withKeys(map: unknown, keys: readonly string[]): Config {
  return { ...objectOf(map), ...Object.fromEntries(keys.map((key) => [key, {}])) };
}

function objectOf(value: unknown): Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
