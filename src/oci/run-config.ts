/** What a container of an image runs and with what: the member `config` of the image config (OCI config.md; docker's words for its keys). */

/** What is not set, or is not what it should be, is undefined. */
export interface RunConfig {
  /** `name`, `uid`, `name:group`, ... */
  readonly User: string | undefined;
  /** `NAME=value` */
  readonly Env: readonly string[] | undefined;
  readonly Entrypoint: readonly string[] | undefined;
  readonly Cmd: readonly string[] | undefined;
  readonly WorkingDir: string | undefined;
  readonly Labels: Readonly<Record<string, string>> | undefined;
  /** `80/tcp` */
  readonly ExposedPorts: readonly string[] | undefined;
  /** Paths. */
  readonly Volumes: readonly string[] | undefined;
  readonly StopSignal: string | undefined;
}

/** `config` as parsed. Nobody is refused an image for what only a runtime reads. */
export function runConfigFrom(config: unknown): RunConfig {
  const value = (key: string): unknown => (isRecord(config) ? config[key] : undefined);
  return {
    User: textOf(value('User')),
    Env: textsOf(value('Env')),
    Entrypoint: textsOf(value('Entrypoint')),
    Cmd: textsOf(value('Cmd')),
    WorkingDir: textOf(value('WorkingDir')),
    Labels: labelsOf(value('Labels')),
    ExposedPorts: keysOf(value('ExposedPorts')),
    Volumes: keysOf(value('Volumes')),
    StopSignal: textOf(value('StopSignal')),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}

function labelsOf(value: unknown): Record<string, string> | undefined {
  if (!isRecord(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)]));
}

function keysOf(value: unknown): string[] | undefined {
  return isRecord(value) ? Object.keys(value) : undefined;
}
