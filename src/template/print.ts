/** How Go's fmt prints a value with %v, and Sprint. */

import { type GoValue, held, isKind } from './values.js';

/** What an action prints of its value. */
export function printedValue(value: GoValue): string {
  return value === undefined ? '<no value>' : valueText(value);
}

/** %v. No value at all is `<nil>`, as within lists. */
export function valueText(value: GoValue): string {
  return walkText(value, valueText);
}

/** The text of a value whose parts `text` prints: brackets, braces and map[] are put about them. */
export function walkText(value: GoValue, text: (part: GoValue) => string): string {
  switch (typeof value) {
    case 'undefined':
      return '<nil>';
    case 'number':
      return floatText(value, 'g');
    case 'object':
      break;
    default:
      return String(value);
  }
  switch (value.kind) {
    case 'interface':
      return text(value.value);
    case 'list':
      return `[${value.items.map(text).join(' ')}]`;
    case 'map':
      return `map[${sortedEntries(value.entries)
        .map(([key, item]) => `${text(key)}:${text(item)}`)
        .join(' ')}]`;
    case 'struct':
      return `{${[...value.fields.values()]
        .filter((field) => !isKind(field, 'method'))
        .map(text)
        .join(' ')}}`;
    case 'nil':
      return '<nil>';
    case 'method':
      return 'func';
    default:
      return value satisfies never;
  }
}

/** In the order of Go's maps when they are printed or ranged over: by bytes. */
export function sortedEntries(entries: ReadonlyMap<string, GoValue>): [string, GoValue][] {
  return [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Sprint: a blank between operands of which neither is a string. */
export function sprint(values: readonly GoValue[]): string {
  return values
    .map((value, at) => {
      const isParted = at > 0 && typeof held(value) !== 'string' && typeof held(values[at - 1]) !== 'string';
      return `${isParted ? ' ' : ''}${valueText(value)}`;
    })
    .join('');
}

/** Sprintln. */
export function sprintln(values: readonly GoValue[]): string {
  return `${values.map(valueText).join(' ')}\n`;
}

/** A float with %e, %f or %g; without a precision as many digits as it needs, and %g takes %e from a million on. */
export function floatText(value: number, verb: 'e' | 'f' | 'g', precision?: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (verb === 'f') return fixedText(value, precision);
  if (verb === 'e')
    return exponentText(precision === undefined ? value.toExponential() : value.toExponential(Math.min(precision, 100)));
  const digits = precision === undefined ? undefined : Math.max(1, precision);
  const scientific = digits === undefined ? value.toExponential() : value.toExponential(Math.min(digits, 101) - 1);
  const [mantissa = '', power = '0'] = scientific.split('e');
  const exponent = Number(power);
  // Trailing zeros say nothing in %g.
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  const isWide = exponent < -4 || exponent >= (digits ?? 6);
  return isWide ? exponentText(`${short}e${power}`) : plainText(Number(`${short}e${power}`));
}

function fixedText(value: number, precision: number | undefined): string {
  return precision === undefined ? plainText(value) : value.toFixed(Math.min(precision, 100));
}

/** Without an exponent. */
function plainText(value: number): string {
  const text = String(value);
  if (!/e/.test(text)) return Object.is(value, -0) ? '-0' : text;
  return text.includes('e-')
    ? value.toFixed(Math.min(100, Number(text.split('e-')[1]) + (text.split('.')[1]?.indexOf('e') ?? 0)))
    : BigInt(value).toString();
}

/** With two digits of exponent at least. */
function exponentText(scientific: string): string {
  return scientific.replace(/e([+-])(\d)$/, 'e$10$2');
}
