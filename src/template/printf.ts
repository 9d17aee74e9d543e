/** Go's Sprintf: flags, width, precision, argument numbers and verbs, and its marks for what does not fit. */

import { floatText, sprint, valueText, walkText } from './print.js';
import { fieldsOf, type GoValue, held, isKind, typeNameOf } from './values.js';

interface Directive {
  readonly flags: string;
  width: number | undefined;
  precision: number | undefined;
}

/** As Go's; beyond it a width is none. */
const maxWidth = 1_000_000;

const directive = /%([#0+\- ]*)(?:\[(\d+)\])?(\*|\d+)?(?:\.(?:\[(\d+)\])?(\*|\d*))?(?:\[(\d+)\])?([\s\S]?)/gu;

export function sprintf(format: string, operands: readonly GoValue[]): string {
  let next = 0;
  let isReordered = false;
  const at = (number: string | undefined): void => {
    if (number === undefined) return;
    isReordered = true;
    next = Number(number) - 1;
  };
  let marks = '';
  const starred = (text: string | undefined, mark: string, least: number): number | undefined => {
    if (text !== '*') return text === undefined ? undefined : Number(text);
    const value = next < operands.length ? held(operands[next++]) : undefined;
    if (typeof value === 'bigint' && value >= least && value <= maxWidth) return Number(value);
    marks += mark;
    return undefined;
  };
  const text = format.replaceAll(directive, (_, flags: string, ...parts: (string | undefined)[]) => {
    const [first, widthText, second, precisionText, third, verb = ''] = parts;
    at(first);
    marks = '';
    const width = starred(widthText, '%!(BADWIDTH)', -maxWidth);
    at(second);
    const precision = starred(precisionText, '%!(BADPREC)', 0);
    at(third);
    if (verb === '' || Math.max(Math.abs(width ?? 0), precision ?? 0) > maxWidth) return '%!(NOVERB)';
    if (verb === '%') return `${marks}%`;
    if (next < 0 || (isReordered && next >= operands.length)) return `${marks}%!${verb}(BADINDEX)`;
    if (next >= operands.length) return `${marks}%!${verb}(MISSING)`;
    const isLeft = flags.includes('-') || (width ?? 0) < 0;
    const plain = isLeft ? `${flags.replaceAll('0', '')}-` : flags;
    const shown = operandText(held(operands[next++]), verb, {
      flags: plain,
      width: width === undefined ? undefined : Math.abs(width),
      precision,
    });
    return marks + shown;
  });
  const extra = operands.slice(next).map(held);
  return isReordered || extra.length === 0
    ? text
    : `${text}%!(EXTRA ${extra.map((value) => (value === undefined ? '<nil>' : `${typeNameOf(value)}=${valueText(value)}`)).join(', ')})`;
}

function operandText(value: GoValue, verb: string, form: Directive): string {
  if (verb === 'T') return padded(typeNameOf(value), form);
  if (verb === 'v' && form.flags.includes('#')) return syntaxText(value);
  if (verb === 'v' && form.flags.includes('+')) {
    return plusText(value, { ...form, flags: form.flags.replaceAll('+', '') });
  }
  switch (typeof value) {
    case 'undefined':
      return verb === 'v' ? padded('<nil>', form) : `%!${verb}(<nil>)`;
    case 'boolean':
      return verb === 't' || verb === 'v' ? padded(String(value), form) : misfit(value, verb);
    case 'bigint':
      return integerText(value, verb, form);
    case 'number':
      return /[eEfFgGv]/.test(verb) ? numberText(value, verb, form) : misfit(value, verb);
    case 'string':
      return stringText(value, verb, form);
    default:
  }
  if (isKind(value, 'nil')) return verb === 'v' ? padded('<nil>', form) : `%!${verb}(${typeNameOf(value)}=<nil>)`;
  return walkText(value, (part) => (held(part) === undefined ? '<nil>' : operandText(held(part), verb, form)));
}

function misfit(value: GoValue, verb: string): string {
  return `%!${verb}(${typeNameOf(value)}=${valueText(value)})`;
}

const bases: Readonly<Record<string, number>> = { d: 10, v: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

function integerText(value: bigint, verb: string, form: Directive): string {
  const { flags, width, precision } = form;
  const code = Number(value);
  if (verb === 'c') return padded(character(code), form);
  if (verb === 'q') return padded(quotedText(character(code), "'"), form);
  if (verb === 'U') return padded(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, form);
  const base = bases[verb];
  if (base === undefined) return misfit(value, verb);
  if (precision === 0 && value === 0n) return padded('', { ...form, flags: '' });
  const sign = value < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const zeros = precision ?? (flags.includes('0') && width !== undefined ? width - sign.length : 0);
  const digits = (value < 0n ? -value : value).toString(base).padStart(zeros, '0');
  const prefix = verb === 'O' ? '0o' : !flags.includes('#') ? '' : base === 16 ? '0x' : base === 2 ? '0b' : base === 8 ? '0' : '';
  const text = sign + (base === 8 && prefix === '0' && digits.startsWith('0') ? '' : prefix) + digits;
  return padded(verb === 'X' ? text.toUpperCase() : text, { ...form, flags: flags.replaceAll('0', '') });
}

function character(code: number): string {
  const isOne = code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isOne ? String.fromCodePoint(code) : '\ufffd';
}

function numberText(value: number, verb: string, form: Directive): string {
  const kind = verb === 'v' ? 'g' : verb.toLowerCase();
  const precision = form.precision ?? (kind === 'g' ? undefined : 6);
  const text = floatText(value, kind === 'e' || kind === 'f' ? kind : 'g', precision);
  const sign = /^[-+]/.test(text) ? '' : form.flags.includes('+') ? '+' : form.flags.includes(' ') ? ' ' : '';
  return padded(sign + (/[EG]/.test(verb) ? text.toUpperCase() : text), form);
}

function stringText(value: string, verb: string, form: Directive): string {
  const { flags, precision } = form;
  const cut = precision === undefined ? value : [...value].slice(0, precision).join('');
  switch (verb) {
    case 's':
    case 'v':
      return padded(cut, form);
    case 'q':
      return padded(flags.includes('#') && !/[`\p{Cc}]/u.test(cut) ? `\`${cut}\`` : quotedText(cut, '"'), form);
    case 'x':
    case 'X': {
      const bytes = Buffer.from(value).subarray(0, precision);
      const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
      const prefix = flags.includes('#') ? '0x' : '';
      const text = flags.includes(' ')
        ? hex.map((pair) => prefix + pair).join(' ')
        : hex.length === 0
          ? ''
          : prefix + hex.join('');
      return padded(verb === 'X' ? text.toUpperCase() : text, form);
    }
    default:
      return misfit(value, verb);
  }
}

/** To the width, in characters; zeros before a number after its sign. */
function padded(text: string, { flags, width = 0 }: Directive): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0')) return ' '.repeat(missing) + text;
  const [, sign = '', rest = ''] = /^([-+ ]?)([\s\S]*)$/.exec(text) ?? [];
  return /^[\d.]/.test(rest) ? sign + '0'.repeat(missing) + rest : '0'.repeat(missing) + text;
}

const named: Readonly<Record<string, string>> = {
  ...{ '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\' },
};

/** strconv.Quote and QuoteRune. */
export function quotedText(text: string, mark: '"' | "'"): string {
  const inner = [...text].map((one) => {
    if (one === mark) return `\\${one}`;
    if (named[one] !== undefined) return named[one];
    if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(one)) return one;
    const code = one.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code < 0x80
      ? `\\x${hex.padStart(2, '0')}`
      : code < 0x10000
        ? `\\u${hex.padStart(4, '0')}`
        : `\\U${hex.padStart(8, '0')}`;
  });
  return mark + inner.join('') + mark;
}

/** %+v: structs with the names of their fields. */
function plusText(value: GoValue, form: Directive): string {
  if (isKind(value, 'struct')) {
    return `{${fieldsOf(value)
      .map(([name, field]) => `${name}:${plusText(held(field), form)}`)
      .join(' ')}}`;
  }
  return typeof value === 'object' && !isKind(value, 'nil')
    ? walkText(value, (part) => plusText(held(part), form))
    : operandText(value, 'v', form);
}

/** %#v: as Go source. */
function syntaxText(value: GoValue): string {
  if (typeof value === 'string') return quotedText(value, '"');
  if (value === undefined) return '<nil>';
  if (typeof value !== 'object') return valueText(value);
  const inner = (part: GoValue): string =>
    isKind(part, 'interface') && part.value === undefined ? 'interface {}(nil)' : syntaxText(held(part));
  switch (value.kind) {
    case 'list':
      return value.isNil ? `${typeNameOf(value)}(nil)` : `${typeNameOf(value)}{${value.items.map(inner).join(', ')}}`;
    case 'map':
      return value.isNil
        ? `${typeNameOf(value)}(nil)`
        : `${typeNameOf(value)}{${[...value.entries]
            .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
            .map(([key, item]) => `${quotedText(key, '"')}:${inner(item)}`)
            .join(', ')}}`;
    case 'struct':
      return `${value.name}{${fieldsOf(value)
        .map(([name, field]) => `${name}:${inner(field)}`)
        .join(', ')}}`;
    case 'interface':
      return inner(value);
    case 'nil':
      return `(${typeNameOf(value)})(nil)`;
    case 'method':
      return sprint([value]);
    default:
      return value satisfies never;
  }
}
