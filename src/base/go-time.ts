/** Durations and moments as docker's filters and Go take them (time.ParseDuration; docker's timetypes.GetTimestamp). */

const unitMs: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 },
  // Not Go's, but people write it.
  d: 86_400_000,
};

/** Milliseconds of `1h30m` or `1.5h`; undefined for other text. */
export function durationMs(text: string): number | undefined {
  const [, sign, rest = ''] = /^([+-]?)(.*)$/.exec(text) ?? [];
  if (rest === '0') return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))+$/.test(rest)) return undefined;
  const parts = [...rest.matchAll(/([\d.]+)([a-zµμ]+)/g)];
  const sum = parts.reduce((ms, [, count, unit]) => ms + Number(count) * unitMs[unit!]!, 0); // of the pattern
  return sign === '-' ? -sum : sum;
}

/** Milliseconds since 1970 of a duration back from `now`, a date (local where it has no zone), or seconds since 1970; undefined for other
 *  text. */
export function momentMs(text: string, now = Date.now()): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const back = durationMs(text);
  if (back !== undefined) return now - back;
  const [, day, hour = '00', minute = '00', second = '00', zone = ''] =
    /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  if (day === undefined) return undefined;
  const time = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(time) ? undefined : time;
}
