/** plyfs rm: removes containers. */

import { PlyfsError } from '../../base/errors.js';
import { dropContainer } from '../../container/containers.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { reportError } from '../report.js';

export const command = newCommand('rm', 'Removes containers and all that was written in them. Their images stay.', [
  'plyfs rm web',
  'plyfs rm -f web db',
])
  .argument('<containers...>', 'names, or the beginnings of IDs')
  .option('-f, --force', 'end its mount first; one that is not there is no failure')
  .option('-v, --volumes', 'taken, as by docker: containers have no volumes here')
  .action(async (containers: string[], options: { force?: boolean }) => {
    const store = new Store();
    for (const container of containers) {
      try {
        await dropContainer(store, container, options.force === true);
        process.stdout.write(`${container}\n`);
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        const status = reportError(error);
        if (options.force !== true || error.code !== 'no-container') process.exitCode = status;
      }
    }
  });
