/** The types of what `inspect` prints, for --format: docker's fields in docker's order. A field that is not set prints as Go prints it, and
 *  a field that is not named here prints too, as the JSON it is. */

import { boolType, type GoType, intType, listOf, mapOf, pointerTo, stringType, structOf } from '../template/values.js';

function fields(names: string, type: GoType): Record<string, GoType> {
  return Object.fromEntries(names.split(' ').map((name) => [name, type]));
}

const strings = listOf(stringType);
const labels = mapOf(stringType);
const set = mapOf(structOf('struct {}', {}));

const health = structOf('the healthcheck', { Test: strings, ...fields('Interval Timeout StartPeriod Retries', intType) });

const config = structOf('the config', {
  ...fields('Hostname Domainname User', stringType),
  ...fields('AttachStdin AttachStdout AttachStderr', boolType),
  ExposedPorts: set,
  ...fields('Tty OpenStdin StdinOnce', boolType),
  ...fields('Env Cmd', strings),
  Healthcheck: pointerTo(health),
  ArgsEscaped: boolType,
  Image: stringType,
  Volumes: set,
  WorkingDir: stringType,
  Entrypoint: strings,
  OnBuild: strings,
  Labels: labels,
  StopSignal: stringType,
  StopTimeout: pointerTo(intType),
  Shell: strings,
});

const graphDriver = structOf('the graph driver', { Data: labels, Name: stringType });

/** docker's struct says ID, its JSON Id, and people write both. */
const aliases = { ID: 'Id' };

export const imageType = structOf(
  'the image',
  {
    Id: stringType,
    ...fields('RepoTags RepoDigests', strings),
    ...fields('Parent Comment Created DockerVersion Author', stringType),
    Config: config,
    ...fields('Architecture Variant Os OsVersion', stringType),
    Size: intType,
    GraphDriver: graphDriver,
    RootFS: structOf('the root file system', { Type: stringType, Layers: strings }),
    Metadata: structOf('the metadata', { LastTagTime: stringType }),
    Manifest: structOf('the manifest', {
      Digest: stringType,
      Layers: listOf(structOf('a layer', { ...fields('MediaType Digest', stringType), ...fields('Size TarSize', intType) })),
    }),
  },
  aliases,
);

const healthState = structOf('the health', { Status: stringType, FailingStreak: intType });

export const containerType = structOf(
  'the container',
  {
    ...fields('Id Created Path', stringType),
    Args: strings,
    State: structOf('the state', {
      Status: stringType,
      ...fields('Running Paused Restarting OOMKilled Dead', boolType),
      ...fields('Pid ExitCode', intType),
      ...fields('Error StartedAt FinishedAt', stringType),
      Health: pointerTo(healthState),
    }),
    ...fields('Image ResolvConfPath HostnamePath HostsPath LogPath Name', stringType),
    RestartCount: intType,
    ...fields('Driver Platform MountLabel ProcessLabel AppArmorProfile', stringType),
    ImageName: stringType,
    GraphDriver: graphDriver,
    SizeRw: pointerTo(intType),
    SizeRootFs: pointerTo(intType),
    Mounts: listOf(structOf('a mount', { ...fields('Type Name Source Destination Driver Mode', stringType), RW: boolType })),
    Config: config,
  },
  aliases,
);
