/** The case list on a mount of the direct driver. */

import { allCases } from '../cases/all.js';
import { direct } from '../support/implementers.js';
import { declareCases } from '../support/run-cases.js';

declareCases(allCases, direct);
