/** Text for a terminal as wide as it is; for a pipe lines stay whole. */

/** Columns of standard output; undefined where it is no terminal. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? Math.max(40, process.stdout.columns || 80) : undefined;
}

/** Paragraphs, each of one line, broken between words; lines after the first of each are indented. */
export function wrapped(text: string, width: number | undefined, indent = ''): string {
  if (width === undefined) return text;
  return text
    .split('\n')
    .map((line) => wrappedLine(line, width, indent))
    .join('\n');
}

function wrappedLine(line: string, width: number, indent: string): string {
  const lines: string[] = [];
  const [lead = ''] = /^ */.exec(line) ?? [];
  let open = lead;
  for (const word of line.trim().split(/ +(?! )/)) {
    const isFirst = open.trim() === '';
    if (!isFirst && open.length + 1 + word.length > width) {
      lines.push(open);
      open = indent + word;
    } else open = isFirst ? open + word : `${open} ${word}`;
  }
  return [...lines, open].join('\n');
}

/** `  name  what it is`, the second column wrapped within itself. */
export function listed(rows: readonly (readonly [string, string])[], width: number | undefined): string {
  const left = Math.max(...rows.map(([name]) => name.length));
  const indent = ' '.repeat(left + 4);
  const isNarrow = width !== undefined && width - indent.length < 24;
  return rows
    .map(([name, what]) => {
      if (!isNarrow)
        return `  ${name.padEnd(left)}  ${wrapped(what, width === undefined ? undefined : width - indent.length).replaceAll('\n', `\n${indent}`)}`;
      return `  ${name}\n      ${wrapped(what, width - 6).replaceAll('\n', '\n      ')}`;
    })
    .join('\n');
}
