import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalText, familiarRepository, familiarText, parseReference, withDefaultTag } from '../../../src/oci/reference.js';

const hex = '0123456789abcdef'.repeat(4);
const accepted: [string, string, string][] = [
  ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
  ['team/app', 'docker.io/team/app:latest', 'team/app:latest'],
  ['docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['index.docker.io/busybox:x', 'docker.io/library/busybox:x', 'busybox:x'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/a/b/c:1', 'localhost:5000/a/b/c:1', 'localhost:5000/a/b/c:1'],
  ['ghcr.io/a/b__c/d-e.f', 'ghcr.io/a/b__c/d-e.f:latest', 'ghcr.io/a/b__c/d-e.f:latest'],
  ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
  [`app@sha256:${hex}`, `docker.io/library/app@sha256:${hex}`, `app@sha256:${hex}`],
  [`app:1@sha256:${hex}`, `docker.io/library/app:1@sha256:${hex}`, `app:1@sha256:${hex}`],
  ['docker.io/library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
];

test('references have one canonical and one familiar spelling', () => {
  for (const [text, canonical, familiar] of accepted) {
    const reference = withDefaultTag(parseReference(text));
    assert.equal(canonicalText(reference), canonical, text);
    assert.equal(familiarText(reference), familiar, text);
    assert.deepEqual(parseReference(canonicalText(reference)), reference, text);
  }
  assert.equal(familiarRepository(parseReference('docker.io/library/busybox:x')), 'busybox');
});

const refused: [string, RegExp][] = [
  ['', /the name is empty/],
  ['Busybox', /lower-case/],
  ['a//b', /not a repository name/],
  ['../x', /not a/],
  ['ghcr.io/../x', /not a repository name/],
  ['a_-b', /not a repository name/],
  ['a:', /a tag is/],
  ['a:-x', /a tag is/],
  [`a:${'x'.repeat(129)}`, /a tag is/],
  ['a@sha256:12', /after|follows/],
  ['a b', /not a repository name/],
  [hex, /image ID/],
  ['a'.repeat(256), /longer than 255/],
  ['-x.io/a', /host name/],
  ['a\n', /not a repository name/],
];

test('what is no reference is refused with the reason', () => {
  for (const [text, expected] of refused) assert.throws(() => parseReference(text), expected, text);
});
