/** The case list on a mount of the direct driver. */

import { allCases } from '../cases/all.js';
import { direct } from '../implementers.js';
import { declareCases } from '../run-cases.js';

declareCases(allCases, direct);
