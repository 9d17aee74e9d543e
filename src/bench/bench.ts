/** The whole of a bench run: from what somebody asked for to tables, JSON and charts. Shared by `npm run bench` and `plyfs bench`. */

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { undoneAtInterruption } from '../base/interruption.js';
import { writeCharts } from './charts.js';
import { objectionTo } from './disk.js';
import { deepStack, defaultCache, inputs, mixedStack } from './fixtures.js';
import { printResults } from './report.js';
import type { Results } from './results.js';
import { runPlan } from './runner.js';
import { readList, type Stack, surveyOf, writeList } from './stack.js';
import { allSubjects, defaultSubjects, removeHome, type Subject, unmount } from './subjects.js';
import type { Workload } from './workload.js';
import { workloads as allWorkloads } from './workloads/all.js';

export interface BenchRequest {
  isQuick: boolean;
  /** Directories, top first, to measure instead of layers made from this machine. */
  layers?: readonly string[] | undefined;
  workloads?: readonly string[] | undefined;
  subjects?: readonly string[] | undefined;
  depths?: readonly number[] | undefined;
  repetitions?: number | undefined;
  /** Files for the results; `keepIn` is the directory where those of a full run go by default. */
  json?: string | undefined;
  /** JSON on stdout instead of tables. */
  printJson?: boolean | undefined;
  svg?: string | undefined;
  keepIn?: string | undefined;
  cache?: string | undefined;
  /** Where mounts and uppers go, instead of beside the layers. */
  uppers?: string | undefined;
  fuseOverlayfs?: readonly string[] | undefined;
}

const defaultDepths = [1, 10, 100, 500];

/** Prints tables on stdout and progress on stderr. PlyfsError for names that do not exist and layers that cannot be mounted. */
export async function runBench(request: BenchRequest): Promise<Results> {
  const cache = request.cache ?? defaultCache();
  const known = allSubjects({ fuseOverlayfs: request.fuseOverlayfs ?? [] });
  const extra = known.map((each) => each.name).filter((name) => /^fuse-overlayfs-\d+$/.test(name));
  const subjects = (request.subjects ?? [...defaultSubjects, ...extra]).map((name) => named(known, name, 'subject'));
  const workloads = chooseWorkloads(request.workloads);
  const home = join(request.uppers ?? cache, `${runPrefix}${process.pid}`);
  undoneAtInterruption(() => endRun(home, cache));
  removeStale(request.uppers ?? cache);
  const objection = objectionTo(request.uppers ?? cache);
  if (objection !== undefined && workloads.some((workload) => workload.writes !== 'none')) process.stderr.write(`${objection}\n`);
  const makeInputs = inputs(cache, note);
  const needsMixed = workloads.some((workload) => !workload.isAboutDepth);
  const depths = workloads.some((workload) => workload.isAboutDepth) ? (request.depths ?? defaultDepths) : [];
  const stack = needsMixed ? stackFor(request, cache, home, known) : undefined;
  const results = await runPlan({
    subjects,
    workloads,
    stack: request.isQuick && stack !== undefined ? shortened(stack, cache) : stack,
    deepStacks: depths.map((depth) => deepStack(cache, depth, note)),
    inputs: makeInputs,
    repetitions: request.repetitions ?? (request.isQuick ? 1 : 3),
    isQuick: request.isQuick,
    home,
    note,
  });
  note('');
  if (request.printJson === true) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
  else printResults(results, (line) => process.stdout.write(`${line}\n`));
  rmSync(listsIn(cache), { recursive: true, force: true });
  keep(request, results);
  return results;
}

/** A signal has come: what is mounted goes with the directories. */
function endRun(home: string, cache: string): void {
  note('');
  removeHome(home);
  rmSync(listsIn(cache), { recursive: true, force: true });
}

/** What is in layers of the user's. */
function listsIn(cache: string): string {
  return join(cache, `lists-${process.pid}`);
}

const runPrefix = 'plyfs-bench-run-';

/** Takes away what a run left behind that was killed. */
function removeStale(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const entry of readdirSync(directory)) {
    if (!entry.startsWith(runPrefix) || existsSync(`/proc/${entry.slice(runPrefix.length)}`)) continue;
    removeHome(join(directory, entry));
  }
}

function keep(request: BenchRequest, results: Results): void {
  const isFull = !request.isQuick && request.workloads === undefined && request.subjects === undefined;
  const fallback = isFull ? request.keepIn : undefined;
  const json = request.json ?? (fallback && join(fallback, 'latest.json'));
  const svg = request.svg ?? (fallback && join(fallback, 'latest.svg'));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  if (svg !== undefined) for (const file of writeCharts(results, svg)) note(`${file}\n`);
}

function named<T extends { name: string }>(all: readonly T[], name: string, noun: string): T {
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = all.map((each) => each.name).join(', ');
  throw new PlyfsError('usage', `there is no ${noun} "${name}"; there are: ${names}`);
}

/** Workloads by their own name or that of a step, which then runs with the steps before it. */
function chooseWorkloads(names: readonly string[] | undefined): Workload[] {
  if (names === undefined) return allWorkloads.filter((workload) => !workload.isOptional);
  const chosen: Workload[] = [];
  for (const name of names) {
    const whole = allWorkloads.find((workload) => workload.name === name);
    const holder = whole ?? allWorkloads.find((workload) => workload.steps.some((step) => step.name.startsWith(name)));
    const workload = holder ?? named(allWorkloads, name, 'workload');
    const last = workload.steps.findLastIndex((step) => step.name.startsWith(name));
    chosen.push(whole === undefined ? { ...workload, steps: workload.steps.slice(0, last + 1) } : workload);
  }
  return chosen;
}

function stackFor(request: BenchRequest, cache: string, home: string, known: readonly Subject[]): Stack {
  const withView = (layers: readonly string[], use: (root: string) => void): void => viewOf(layers, home, known, use);
  if (request.layers === undefined) return mixedStack(cache, withView, note);
  let survey: Stack['survey'] | undefined;
  const lists = listsIn(cache);
  withView(request.layers, (root) => {
    survey = surveyOf(root, lists);
  });
  if (survey === undefined) throw new Error('no survey');
  return { name: 'yours', layers: request.layers, survey };
}

/** The stack with a shorter list of files. */
function shortened(stack: Stack, cache: string): Stack {
  const files = readList(stack.survey.fileList).slice(0, 6000);
  const fileList = join(cache, 'quick-files');
  writeList(fileList, files);
  return { ...stack, survey: { ...stack.survey, fileList, files: files.length } };
}

/** Mounts `layers` with the first subject that can. */
function viewOf(layers: readonly string[], home: string, known: readonly Subject[], use: (root: string) => void): void {
  const able = ['kernel', 'plyfs', 'fuse-overlayfs'].map((name) => named(known, name, 'subject'));
  const subject = able.find((each) => each.unavailable() === undefined);
  if (subject === undefined) throw new PlyfsError('bench', 'nothing here can mount the layers: run as root');
  const [target, scratch] = [join(home, 'view'), join(home, 'scratch')];
  for (const directory of [target, scratch]) mkdirSync(directory, { recursive: true });
  try {
    subject.mount({ layers }, { target, scratch, changesLower: false });
    try {
      use(target);
    } finally {
      unmount(subject, target);
    }
  } finally {
    removeHome(home);
  }
}

/** One line that the next one replaces on a terminal; a line of its own elsewhere. */
function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
