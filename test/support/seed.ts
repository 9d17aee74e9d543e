/** The one seed of all random tests. Each takes its own from the clock and prints it when it fails; PLYFS_SEED=N repeats that one. */

const text = process.env.PLYFS_SEED;
if (text !== undefined && !/^\d{1,15}$/.test(text)) throw new Error(`PLYFS_SEED is a whole number, not ${text}`);

/** Whether somebody asks for one seed: then that one alone is run, and its whole story is told. */
export const isRepeated = text !== undefined;
/** The seed to begin with. */
export const firstSeed = Number(text ?? Date.now() % 1_000_000);
