import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { formatReference, nameOf, parseReference, tagNameOf } from '../../src/core/reference.ts';

const hex = 'a'.repeat(64);
const digest = `sha256:${hex}`;

const reads = test.macro({
  exec: (t, written: string, full: string) => {
    const reference = parseReference(written);
    t.is(formatReference(reference), full);
    t.is(reference.written, written);
    t.is(`${reference.registry}/${reference.repository}`, nameOf(reference));
    // The full text is a fixed point: it stands for the same image.
    t.is(formatReference(parseReference(full)), full);
  },
  title: (_, written: string, full: string) => `${written.slice(0, 60)} is ${full.slice(0, 80)}`,
});

// Docker Hub, short names, latest
test(reads, 'alpine', 'docker.io/library/alpine:latest');
test(reads, 'alpine:3', 'docker.io/library/alpine:3');
test(reads, 'library/alpine:3', 'docker.io/library/alpine:3');
test(reads, 'docker.io/alpine', 'docker.io/library/alpine:latest');
test(reads, 'docker.io/library/alpine', 'docker.io/library/alpine:latest');
test(reads, 'index.docker.io/alpine', 'docker.io/library/alpine:latest');
test(reads, 'index.docker.io/demisto/python3:1', 'docker.io/demisto/python3:1');
test(reads, 'demisto/pytan', 'docker.io/demisto/pytan:latest');
test(reads, 'demisto/python3:3.12.13.11694875', 'docker.io/demisto/python3:3.12.13.11694875');
test(reads, 'a/b/c/d:1', 'docker.io/a/b/c/d:1');
test(
  reads,
  `luminate/demisto-luminate-api:${'0f'.repeat(20)}`,
  `docker.io/luminate/demisto-luminate-api:${'0f'.repeat(20)}`,
);

// registries, ports, addresses
test(reads, 'ghcr.io/acme/tool', 'ghcr.io/acme/tool:latest');
test(reads, 'gcr.io/xsoar-registry/demistoextended/x:1', 'gcr.io/xsoar-registry/demistoextended/x:1');
test(reads, 'ghcr.io/tool:1', 'ghcr.io/tool:1');
test(reads, 'localhost/custom:1', 'localhost/custom:1');
test(reads, 'localhost:5000/custom', 'localhost:5000/custom:latest');
test(reads, 'registry.example:5000/a/b:1', 'registry.example:5000/a/b:1');
test(reads, 'registry:5000/a', 'registry:5000/a:latest');
test(reads, '10.0.0.1:5000/a', '10.0.0.1:5000/a:latest');
test(reads, '10.0.0.1/a', '10.0.0.1/a:latest');
test(reads, '[2001:db8::1]:5000/a:1', '[2001:db8::1]:5000/a:1');
test(reads, '[2001:db8::1]/a', '[2001:db8::1]/a:latest');
test(reads, '[::1]:5000/a/b', '[::1]:5000/a/b:latest');
test(reads, 'Registry.Example/a:1', 'Registry.Example/a:1');
test(reads, 'UPPER/a:1', 'UPPER/a:1');
test(reads, 'a.b/c', 'a.b/c:latest');
test(reads, 'xn--n3h.example/a', 'xn--n3h.example/a:latest');

// what looks like a port and is a tag
test(reads, 'registry:5000', 'docker.io/library/registry:5000');
test(reads, digest, `docker.io/library/${digest}`);
test(reads, 'a:1/b', 'a:1/b:latest');

// separators of names
test(reads, 'demisto/a__b---c.d_e', 'docker.io/demisto/a__b---c.d_e:latest');
test(reads, '0/1:2', 'docker.io/0/1:2');

// tags and digests
test(reads, 'a:_', 'docker.io/library/a:_');
test(reads, 'a:A.b-C_d', 'docker.io/library/a:A.b-C_d');
test(reads, `a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`);
test(reads, `a@${digest}`, `docker.io/library/a@${digest}`);
test(reads, `a:1@${digest}`, `docker.io/library/a:1@${digest}`);
test(reads, `registry.example:5000/a@${digest}`, `registry.example:5000/a@${digest}`);
test(reads, `[::1]:5000/a:1@${digest}`, `[::1]:5000/a:1@${digest}`);

// lengths
test(reads, `r.io/${'a'.repeat(250)}`, `r.io/${'a'.repeat(250)}:latest`);
test(reads, `acme/${hex}`, `docker.io/acme/${hex}:latest`);
test(reads, 'a'.repeat(63), `docker.io/library/${'a'.repeat(63)}:latest`);

const refuses = test.macro({
  exec: (t, written: string) => {
    const error = t.throws(() => parseReference(written), { instanceOf: PackferryError });
    t.is(error.code, 'E_REFERENCE_INVALID');
    t.truthy(error.hint);
    t.true(error.message.length < 500, 'long input is cut in the message');
  },
  title: (_, written: string) =>
    `refused: ${JSON.stringify(written.length > 60 ? `${written.slice(0, 40)}...${written.slice(-20)} (${written.length})` : written)}`,
});

test(refuses, '');
test(refuses, ' ');
test(refuses, ' a');
test(refuses, 'a ');
test(refuses, 'a\n');
test(refuses, 'a b');
test(refuses, 'demisto/python3:3.10 # comment');
test(refuses, '/a');
test(refuses, 'a/');
test(refuses, 'a//b');
test(refuses, 'ghcr.io/');
test(refuses, '-a');
test(refuses, 'a-');
test(refuses, 'a..b/c/d');
test(refuses, 'demisto/a..b');
test(refuses, 'demisto/a___b');
test(refuses, 'demisto/a._b');
test(refuses, 'demisto/.a');
test(refuses, 'demisto/Python3');
test(refuses, 'Alpine');
test(refuses, 'demisto/größe');
test(refuses, 'https://ghcr.io/a');
test(refuses, 'docker://alpine');
test(refuses, '../a');
test(refuses, '$(id)/a');
test(refuses, 'a:');
test(refuses, ':1');
test(refuses, 'a:.1');
test(refuses, 'a:-1');
test(refuses, 'a:1:2');
test(refuses, 'a:1+2');
test(refuses, `a:${'t'.repeat(129)}`);
test(refuses, 'registry.example:/a');
test(refuses, 'registry.example:x/a');
test(refuses, 'registry-.example/a');
test(refuses, 'registry_1.example/a');
test(refuses, 'a.b-c_d__e--f/g');
test(refuses, '.example/a');
test(refuses, '[::1/a');
test(refuses, '::1/a');
test(refuses, '[::g]/a');
test(refuses, '[fe80::1%eth0]/a');
test(refuses, 'user@host/a');
test(refuses, 'a@');
test(refuses, 'a@sha256:abc');
test(refuses, `a@${digest}0`);
test(refuses, `a@sha256:${hex.toUpperCase()}`);
test(refuses, `a@sha512:${hex}${hex}`);
test(refuses, `a@${digest}@${digest}`);
test(refuses, `a@${digest}:1`);
test(refuses, `@${digest}`);
test(refuses, hex);
test(refuses, `r.io/${'a'.repeat(251)}`);
test(refuses, 'a'.repeat(1_000_000));
test(refuses, 'a-'.repeat(100_000));

test('the name that engines use has a tag and no digest', (t) => {
  t.is(tagNameOf(parseReference('alpine')), 'docker.io/library/alpine:latest');
  t.is(tagNameOf(parseReference(`alpine:3@${digest}`)), 'docker.io/library/alpine:3');
  t.is(tagNameOf(parseReference(`alpine@${digest}`)), undefined);
});

test('every combination of host, path, tag and digest reads back as its parts', (t) => {
  for (const registry of ['docker.io', 'r.example', 'r.example:1', 'localhost', '[::1]:5000', '192.0.2.1']) {
    for (const repository of ['a/b', 'a/b/c', 'a-b/c_d/e.f']) {
      for (const tag of [undefined, '1', 'latest', '1.0-alpine']) {
        for (const pin of [undefined, digestOf('')]) {
          const text = `${registry}/${repository}${tag ? `:${tag}` : ''}${pin ? `@${pin}` : ''}`;
          const reference = parseReference(text);
          t.is(reference.registry, registry, text);
          t.is(reference.repository, repository, text);
          t.is(reference.tag, tag ?? (pin === undefined ? 'latest' : undefined), text);
          t.is(reference.digest, pin, text);
        }
      }
    }
  }
});
