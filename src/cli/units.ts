/** Sizes and ages in docker's words (go-units: HumanSizeWithPrecision, HumanDuration). */

const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `4.27MB`: three digits, powers of 1000. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${sizeUnits[unit]}`;
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** `3 weeks`, for a span of seconds. */
export function durationText(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 1) return 'Less than a second';
  if (whole === 1) return '1 second';
  if (whole < minute) return `${whole} seconds`;
  const minutes = Math.floor(seconds / minute);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / hour + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / day / 365)} years`;
}

/** `3 weeks ago` for an RFC 3339 time; `N/A` where there is none. */
export function ageText(created: string | undefined): string {
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) ? 'N/A' : `${durationText((Date.now() - time) / 1000)} ago`;
}

/** `2026-11-22 16:05:00 +0000 UTC` as docker's CreatedAt. */
export function timeText(created: string | undefined): string {
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) ? 'N/A' : `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

/** Cut to `length` characters, the last of them an ellipsis. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
