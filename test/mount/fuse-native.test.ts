/** The case list on a mount of the fuse-native driver. */

import { allCases } from '../cases/all.js';
import { fuseNative } from '../support/implementers.js';
import { declareCases } from '../support/run-cases.js';

declareCases(allCases, fuseNative);
