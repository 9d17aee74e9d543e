/** The whole case list, for whoever runs it. */

import type { Case } from '../case.js';
import { copyUpCases } from './copy-up.js';
import { markerCases } from './markers.js';

export const allCases: readonly Case[] = [...markerCases, ...copyUpCases];
