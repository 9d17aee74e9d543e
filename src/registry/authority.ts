/** Hosts and ports as they stand in references and URLs: `localhost:5000`, `[::1]:5000`, `docker.io`. */

import { BlockList, isIP } from 'node:net';

/** The host of an authority or URL, lower-case, without port and brackets. */
export function hostOf(authority: string | URL): string {
  const text = typeof authority === 'string' ? authority : authority.hostname;
  const bracketed = /^\[([^\]]*)\]/.exec(text)?.[1];
  return (bracketed ?? text.replace(/:\d*$/, '')).toLowerCase();
}

/** A host with and without the port that goes without saying: files and users write either. */
export function spellings(authority: string): string[] {
  const hasPort = /:\d+$/.test(authority);
  if (!hasPort) return [authority, `${authority}:443`];
  return authority.endsWith(':443') ? [authority.slice(0, -':443'.length), authority] : [authority];
}

/** 127/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Whether an address lies in a network (`10.0.0.0/8`, `fd00::/8`); false for names and for what is no network. */
export function isInNetwork(host: string, network: string): boolean {
  const [base = '', bits = ''] = network.split('/', 2);
  const family = isIP(base);
  if (family === 0 || family !== isIP(host) || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), type);
  return list.check(host, type);
}

/** `host/path` in its two parts; the path is '' where there is none. */
export function splitLocation(location: string): { authority: string; path: string } {
  const slash = location.indexOf('/');
  return slash < 0
    ? { authority: location, path: '' }
    : { authority: location.slice(0, slash), path: location.slice(slash + 1).replace(/\/+$/, '') };
}
