/** The case list on a mount of the fuse-native driver. */

import { allCases } from '../cases/all.js';
import { fuseNative } from '../implementers.js';
import { declareCases } from '../run-cases.js';

declareCases(allCases, fuseNative);
