/** What must not be printed: a registry may send a password or token back in the text of an error. */

/** Shorter ones would cut words out of sentences. */
const shortest = 4;

export class Secrets {
  private readonly known = new Set<string>();

  add(secret: string): void {
    if (secret.length < shortest) return;
    this.known.add(secret);
    this.known.add(encodeURIComponent(secret));
  }

  /** `text` with every known secret struck out. */
  hide(text: string): string {
    let hidden = text;
    for (const secret of this.known) hidden = hidden.replaceAll(secret, '***');
    return hidden;
  }
}
