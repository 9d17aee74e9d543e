/** Which layers of an image are looked at; without a choice all. */

export interface StackChoice {
  /** Only the layers up to this one (1 is the bottom). */
  readonly upto?: number;
  /** This layer alone. */
  readonly only?: number;
}
