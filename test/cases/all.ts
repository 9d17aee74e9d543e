/** The whole case list, for whoever runs it. */

import type { Case } from '../support/case.js';
import { copyUpCases } from './copy-up.js';
import { fileCases } from './files.js';
import { markerCases } from './markers.js';
import { nameCases } from './names.js';
import { renameCases } from './rename.js';
import { rightCases } from './rights.js';

export const allCases: readonly Case[] = [
  ...markerCases,
  ...copyUpCases,
  ...nameCases,
  ...renameCases,
  ...fileCases,
  ...rightCases,
];
