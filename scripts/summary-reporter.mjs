// A reporter for node's test runner: writes one line that counts the tests. The file-level entries that the runner makes are no tests.
export default async function* summary(source) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    if (data.skip !== undefined || data.todo !== undefined) counts.skipped++;
    else if (type === 'test:pass') counts.passed++;
    else counts.failed++;
  }
  const total = counts.passed + counts.failed + counts.skipped;
  yield `${total} tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
