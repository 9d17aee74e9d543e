/** The case list on kernel overlayfs: the oracle. What fails here is wrong in the case. */

import { allCases } from '../cases/all.js';
import { kernel } from '../support/implementers.js';
import { declareCases } from '../support/run-cases.js';

declareCases(allCases, kernel);
