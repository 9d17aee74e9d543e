/** The cases that move bytes, on mounts of the direct driver in the io modes that are not the default. */

import { allCases } from '../cases/all.js';
import { direct, type Implementer } from '../support/implementers.js';
import { declareCases } from '../support/run-cases.js';

/** The direct driver with io mode `io`. */
function withIo(io: string): Implementer {
  const implementer: Implementer = {
    ...direct,
    mount(paths, spelling, extra = '') {
      direct.mount(paths, spelling, extra === '' ? `io=${io}` : `${extra},io=${io}`);
    },
  };
  return implementer;
}

/** Bytes move in these; the io mode makes no difference to the others. */
const dataCases = allCases.filter(({ run = '' }) => /\b(open|put|write|append|truncate|mmap)\b/.test(run));

for (const io of ['writeback', 'passthrough']) {
  declareCases(
    dataCases.map((one) => ({ ...one, name: `io=${io}: ${one.name}` })),
    withIo(io),
  );
}
