/** The case list on kernel overlayfs: the oracle. What fails here is wrong in the case. */

import { allCases } from '../cases/all.js';
import { kernel } from '../implementers.js';
import { declareCases } from '../run-cases.js';

declareCases(allCases, kernel);
