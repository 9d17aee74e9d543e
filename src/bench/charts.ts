/** The results as SVG charts, written by hand: ratio bars per workload, and the cost of a lookup against the number of layers. They
 *  follow the reader's light or dark scheme. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { round } from './report.js';
import { type Measurement, type Results, ratioTo, rowsOf, spreadIn } from './results.js';

/** One colour a subject (plyfs always has its own), readable on white and on near-black; further subjects begin again. */
const colours = ['#8a8f98', '#d9822b', '#b04a8c', '#7a9a01', '#c9a400', '#1a7f6b', '#a371f7', '#c0392b'];

const style = `<style>
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:15px;font-weight:600}.small{font-size:10.5px;fill:#57606a}
.grid{stroke:#d0d7de}.one{stroke:#24292f;stroke-dasharray:4 3}.back{fill:#ffffff}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.grid{stroke:#30363d}.one{stroke:#e6edf3}.back{fill:#0d1117}}
</style>`;

/** Writes the charts there is something to draw in: ratio bars to `path` (made to end in .svg), the cost of depth beside it as
 *  `-layers.svg`. Returns the paths. */
export function writeCharts(results: Results, path: string): string[] {
  const base = path.replace(/\.svg$/, '');
  const charts = { [`${base}.svg`]: ratioChart(results), [`${base}-layers.svg`]: depthChart(results) };
  mkdirSync(dirname(path), { recursive: true });
  return Object.entries(charts).flatMap(([file, svg]) => {
    if (svg === undefined) return [];
    writeFileSync(file, svg);
    return [file];
  });
}

function frame(width: number, height: number, title: string, body: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>${style}<rect class="back" width="100%" height="100%"/>
${body.join('\n')}
</svg>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}

function label(x: number, y: number, text: string, attributes = ''): string {
  return `<text x="${round1(x)}" y="${round1(y)}" ${attributes}>${escaped(text)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, attributes: string): string {
  return `<line x1="${round1(x1)}" y1="${round1(y1)}" x2="${round1(x2)}" y2="${round1(y2)}" ${attributes}/>`;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

function colourOf(results: Results, subject: string): string {
  if (subject === 'plyfs') return '#2f81f7';
  return colours[results.subjects.indexOf(subject) % colours.length] ?? '#888888';
}

function legend(results: Results, subjects: readonly string[], x: number, y: number): string[] {
  let at = x;
  return subjects.flatMap((subject) => {
    const mark = `<rect x="${at}" y="${y - 9}" width="10" height="10" rx="2" fill="${colourOf(results, subject)}"/>`;
    const text = label(at + 14, y, subject);
    at += 30 + subject.length * 6.7;
    return [mark, text];
  });
}

/** A step of a workload, and each subject's time over that of the reference. */
interface Group {
  step: string;
  bars: { subject: string; ratio: number }[];
}

/** The steps for which some subject can be compared with `reference`. */
function groupsOf(results: Results, reference: string, subjects: readonly string[]): Group[] {
  const rows = rowsOf(results).filter((row) => !row.stack.endsWith(' layers') && row.step !== 'mount to ready');
  const groups = rows.map((row) => ({
    step: row.step,
    bars: subjects.flatMap((subject) => {
      const measurement = results.measurements.find(
        (each) => each.step === row.step && each.stack === row.stack && each.subject === subject,
      );
      const ratio = measurement && ratioTo(results, measurement, reference);
      return ratio === undefined ? [] : [{ subject, ratio }];
    }),
  }));
  return groups.filter((group) => group.bars.length > 0);
}

/** Sizes of the ratio chart, in pixels. */
const ratios = { left: 190, top: 74, width: 560, bar: 9, gap: 9 };

/** Groups of bars on a logarithmic scale: each subject's time over that of the first subject. */
function ratioChart(results: Results): string | undefined {
  const [reference, ...others] = results.subjects;
  if (reference === undefined) return undefined;
  const subjects = others.filter((subject) => subject !== 'bare');
  const groups = groupsOf(results, reference, subjects);
  if (groups.length === 0) return undefined;
  const { left, top, width, bar, gap } = ratios;
  const all = groups.flatMap((group) => group.bars.map((each) => each.ratio));
  const low = Math.min(0.1, 10 ** Math.floor(Math.log10(Math.min(...all))));
  const high = Math.max(10, 10 ** Math.ceil(Math.log10(Math.max(...all))));
  const x = (ratio: number): number => left + (width * Math.log(ratio / low)) / Math.log(high / low);
  const height = top + groups.reduce((sum, group) => sum + group.bars.length * bar + gap, 0) + 20;
  const body = [
    label(16, 26, `Time against ${reference} (shorter is faster)`, 'class="title"'),
    ...legend(results, subjects, 16, 48),
  ];
  for (let tick = low; tick <= high * 1.001; tick *= 10) {
    body.push(line(x(tick), top - 8, x(tick), height - 16, 'class="grid"'));
    body.push(label(x(tick), height - 4, `${round(tick)}x`, 'class="small" text-anchor="middle"'));
  }
  let y = top;
  for (const group of groups) {
    body.push(...barsOf(results, group, x, y));
    y += group.bars.length * bar + gap;
  }
  body.push(line(x(1), top - 8, x(1), height - 16, 'class="one"'));
  return frame(left + width + 60, height, `Time of each workload against ${reference}`, body);
}

/** A group's name and bars, from `top` down: each bar goes from 1 to its ratio. */
function barsOf(results: Results, { step, bars }: Group, x: (ratio: number) => number, top: number): string[] {
  const { left, bar } = ratios;
  const name = label(left - 8, top + (bars.length * bar) / 2 + 4, step, 'text-anchor="end"');
  const drawn = bars.flatMap(({ subject, ratio }, i) => {
    const y = top + i * bar;
    const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
    const rect = `x="${round1(from)}" y="${y}" width="${round1(Math.max(1, to - from))}" height="${bar - 1}"`;
    const isFaster = ratio < 1;
    return [
      `<rect ${rect} fill="${colourOf(results, subject)}"><title>${escaped(subject)} ${round(ratio)}x</title></rect>`,
      label(isFaster ? from - 4 : to + 4, y + bar - 1.5, round(ratio), `class="small" ${isFaster ? 'text-anchor="end"' : ''}`),
    ];
  });
  return [name, ...drawn];
}

/** Log-log: first lookups against the number of layers. */
function depthChart(results: Results): string | undefined {
  const panels = ['deep stat first', 'deep miss first'].map((step) => ({
    step,
    found: results.measurements.filter((each) => each.step === step),
  }));
  if (panels.every((panel) => panel.found.length === 0)) return undefined;
  const depths = results.stacks.filter((stack) => stack.name.endsWith(' layers')).map((stack) => stack.layers);
  const times = panels.flatMap((panel) => panel.found.map(perOperation));
  const [width, height, top, left, plot] = [880, 400, 80, 60, 340];
  const bottom = height - 40;
  const [low, high] = [10 ** Math.floor(Math.log10(Math.min(...times))), 10 ** Math.ceil(Math.log10(Math.max(...times)))];
  const y = (seconds: number): number => bottom - ((bottom - top) * Math.log(seconds / low)) / Math.log(high / low);
  const widest = Math.max(Math.log(Math.max(...depths)), 1);
  const body = [label(16, 26, 'What one lookup costs against the number of layers', 'class="title"')];
  body.push(...legend(results, results.subjects, 16, 48));
  for (const [index, panel] of panels.entries()) {
    const start = left + index * (plot + 80);
    const x = (layers: number): number => start + (plot * Math.log(layers)) / widest;
    body.push(
      label(start, top - 10, panel.step === 'deep stat first' ? 'a name that exists, first time' : 'a name that is missing'),
    );
    for (let tick = low; tick <= high * 1.001; tick *= 10) {
      body.push(line(start, y(tick), start + plot, y(tick), 'class="grid"'));
      body.push(label(start - 6, y(tick) + 4, unitOf(tick), 'class="small" text-anchor="end"'));
    }
    for (const depth of depths) body.push(label(x(depth), bottom + 16, String(depth), 'class="small" text-anchor="middle"'));
    body.push(label(start + plot / 2, bottom + 32, 'layers', 'class="small" text-anchor="middle"'));
    for (const subject of results.subjects) {
      const points = panel.found
        .filter((each) => each.subject === subject)
        .map((each) => ({ at: x(layersOf(results, each)), y: y(perOperation(each)) }));
      if (points.length === 0) continue;
      const path = points.map((point) => `${round1(point.at)},${round1(point.y)}`).join(' ');
      const colour = colourOf(results, subject);
      body.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
      for (const point of points) body.push(`<circle cx="${round1(point.at)}" cy="${round1(point.y)}" r="3" fill="${colour}"/>`);
    }
  }
  return frame(width, height, 'What one lookup costs against the number of layers', body);
}

function perOperation(measurement: Measurement): number {
  return spreadIn(measurement).median / measurement.operations;
}

function layersOf(results: Results, measurement: Measurement): number {
  return results.stacks.find((stack) => stack.name === measurement.stack)?.layers ?? 1;
}

function unitOf(seconds: number): string {
  return seconds < 1e-3 ? `${round(seconds * 1e6)} us` : `${round(seconds * 1e3)} ms`;
}
