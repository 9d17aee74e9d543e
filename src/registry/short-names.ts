/** Names without a registry (`alpine`, `team/app`): docker's are at Docker Hub; registries.conf has aliases and a list of registries to search. */

import { defaultDomain, isShortName } from '../oci/reference.js';
import type { RegistriesConf } from './registries-conf.js';

export interface Meanings {
  /** Whole names with tag and digest as given, to be tried in order. One at least. */
  readonly names: readonly string[];
  /** registries.conf wants the user to choose among them (`short-name-mode = "enforcing"`). */
  readonly mustAsk: boolean;
}

export function meaningsOf(name: string, conf: RegistriesConf): Meanings {
  if (!isShortName(name)) return { names: [name], mustAsk: false };
  const [, repository = name, rest = ''] = /^([^:@]*)(.*)$/.exec(name) ?? [];
  const alias = conf.aliases.get(repository);
  if (alias !== undefined && alias !== '') return { names: [alias + rest], mustAsk: false };
  const { searched = [] } = conf;
  const names = (searched.length === 0 ? [defaultDomain] : searched).map((domain) => `${domain}/${name}`);
  return { names, mustAsk: conf.shortNameMode === 'enforcing' && names.length > 1 };
}
