/** What a command takes, as facts: help, completions and man pages are made of them. */

export interface OptionFacts {
  /** `-a`, `--all`; the short one first. */
  readonly names: readonly string[];
  /** What its value is called; undefined for a switch. */
  readonly value: string | undefined;
  readonly summary: string;
}

export interface ArgumentFacts {
  /** Without the marks of what is optional or repeated. */
  readonly name: string;
  /** With them: `<image>`, `[path]`, `<names...>`. */
  readonly shown: string;
  readonly summary: string;
}

export interface CommandFacts {
  readonly name: string;
  /** A few words, as in the list of commands. */
  readonly summary: string;
  readonly description: string;
  /** Whole command lines, one or more. */
  readonly usage: readonly string[];
  readonly operands: readonly ArgumentFacts[];
  readonly options: readonly OptionFacts[];
  /** Whole command lines. */
  readonly examples: readonly string[];
}

/** The one of `words` that `word` is most likely a slip of; undefined where none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const ranked = words.map((other) => ({ other, slips: slipsBetween(word, other) })).sort((a, b) => a.slips - b.slips);
  const best = ranked[0];
  return best !== undefined && best.slips <= Math.max(1, Math.min(2, word.length / 2 - 0.5)) ? best.other : undefined;
}

/** Letters put in, left out, changed or swapped with the next (Damerau and Levenshtein). */
function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const [above, before] = [rows[i - 1]!, rows[i - 2]]; // filled in order
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      if (before !== undefined && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
