/** The functions of --format templates: Go's own and docker's (cli/templates), and how Go prints values. */

export const templateFunctions: ReadonlyMap<string, (operands: readonly unknown[]) => unknown> = new Map<
  string,
  (operands: readonly unknown[]) => unknown
>([
  ['json', ([value]) => JSON.stringify(value ?? null)],
  ['len', ([value]) => (Array.isArray(value) || typeof value === 'string' ? value.length : Object.keys(Object(value)).length)],
  ['index', (operands) => operands.reduce((value, key) => memberOf(value, String(key)))],
  ['join', ([value, separator]) => (Array.isArray(value) ? value.map(goText).join(String(separator)) : '')],
  ['split', ([value, separator]) => goText(value).split(String(separator))],
  ['upper', ([value]) => goText(value).toUpperCase()],
  ['lower', ([value]) => goText(value).toLowerCase()],
  ['title', ([value]) => goText(value).replaceAll(/\b\p{Ll}/gu, (letter) => letter.toUpperCase())],
  ['truncate', ([value, length]) => goText(value).slice(0, Number(length))],
  ['println', (operands) => `${operands.map(goText).join(' ')}\n`],
  ['print', (operands) => operands.map(goText).join(' ')],
  ['printf', ([format, ...operands]) => printed(goText(format), operands)],
  ['eq', ([value, ...others]) => others.some((other) => goText(other) === goText(value))],
  ['ne', ([value, other]) => goText(other) !== goText(value)],
  ['not', ([value]) => !isTrue(value)],
  ['and', (operands) => operands.find((value) => !isTrue(value)) ?? operands.at(-1)],
  ['or', (operands) => operands.find(isTrue) ?? operands.at(-1)],
]);

/** %s, %v, %d, %q and %t with a width, `-` and a precision. */
function printed(format: string, operands: readonly unknown[]): string {
  const left = [...operands];
  return format.replaceAll(
    /%(-?)(\d*)(?:\.(\d+))?([svdqt%])/g,
    (_, dash: string, width: string, precision: string, verb: string) => {
      if (verb === '%') return '%';
      const text = goText(left.shift()).slice(0, precision === undefined ? undefined : Number(precision));
      const word = verb === 'q' ? JSON.stringify(text) : text;
      return dash === '-' ? word.padEnd(Number(width)) : word.padStart(Number(width));
    },
  );
}

export function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined; // own key
}

export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As Go's %v prints it. */
export function goText(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${goText(item)}`).join(' ')}]`;
  }
  return String(value);
}
