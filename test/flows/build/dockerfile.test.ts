import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { parseReference } from '../../../src/core/reference.ts';
import type { BaseImage } from '../../../src/flows/build/base-image.ts';
import { dockerfileOf } from '../../../src/flows/build/dockerfile.ts';
import { labelsOf } from '../../../src/flows/build/labels.ts';
import type { BuildRecipe } from '../../../src/flows/build/recipe.ts';
import { parseRequirement } from '../../../src/flows/build/requirement.ts';

const id = `sha256:${'1'.repeat(64)}` as const;
const base: BaseImage = {
  ...{ name: 'docker.io/demisto/python3-deb:3.12.8.1', id, layers: ['x'], triggers: [] },
  platform: { os: 'linux', architecture: 'amd64' },
};
const recipe: BuildRecipe = {
  ...{ reference: parseReference('acme/tool:1.0'), base: parseReference('demisto/python3-deb:3.12.8.1') },
  ...{ python: [parseRequirement('requests==2.32.3')], packages: ['libxml2'], checks: true },
};
const tool = { name: 'packferry', version: '1.2.3' };
const write = (more: Partial<BuildRecipe> = {}, of: Partial<BaseImage> = {}): string => {
  const whole = { ...recipe, ...more };
  const on = { ...base, ...of };
  return dockerfileOf(whole, on, 'apt', labelsOf(whole, on, { tool, created: new Date(0) }));
};

test('a recipe as a Dockerfile: the same one every time', (t) => {
  const text = write({}, { user: 'soc:4000', digest: id });
  t.is(
    text,
    `# Written by packferry for docker.io/acme/tool:1.0.
FROM docker.io/demisto/python3-deb:3.12.8.1
USER root
RUN ["/bin/sh","-c","apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -- \\"$@\\" && rm -rf /var/lib/apt/lists/*","apt","libxml2"]
RUN ["pip","install","--no-cache-dir","--no-input","--disable-pip-version-check","--progress-bar=off","requests==2.32.3"]
RUN ["pip","check"]
USER soc:4000
LABEL org.opencontainers.image.created="1970-01-01T00:00:00.000Z" \\
      org.opencontainers.image.base.name="docker.io/demisto/python3-deb:3.12.8.1" \\
      org.opencontainers.image.base.digest="${id}" \\
      io.packferry.base.id="${id}" \\
      io.packferry.python="requests==2.32.3" \\
      io.packferry.packages="libxml2" \\
      io.packferry.tool="packferry 1.2.3"
`,
  );
  t.is(write({}, { user: 'soc:4000', digest: id }), text);
});

test('hashes stand in the Dockerfile too, and pip is to compare them', (t) => {
  const hash = 'c'.repeat(64);
  const text = write({ python: [{ text: 'requests==2.32.3', hashes: [hash] }], packages: [], checks: false });
  t.true(text.includes(`#   requests==2.32.3 --hash=sha256:${hash}\n`));
  t.true(text.includes('COPY ["requirements.txt","/packferry/"]\n'));
  t.true(text.includes('"--require-hashes","--requirement","/packferry/requirements.txt"]'));
  t.false(text.includes('pip","check'));
});

test('an index that is asked in the clear is named to pip, which would refuse it', (t) => {
  const text = write({ index: { url: 'http://pypi.example/simple', clearHost: 'pypi.example' } });
  t.true(text.includes('"--index-url=http://pypi.example/simple","--trusted-host=pypi.example","requests'));
});

// The grammars let none of these through. Were one of them to fail, the text would not be written all the same.
const leaks = test.macro({
  exec(t, more: Partial<BuildRecipe>, of: Partial<BaseImage>) {
    const error = t.throws(() => write(more, of), { instanceOf: PackferryError });
    t.is(error.code, 'E_INTERNAL');
  },
  title: (what) => `never written down: ${what}`,
});
test('a line break in a requirement', leaks, { python: [{ text: 'a\nRUN id', hashes: [] }] }, {});
test('a line break in a package', leaks, { packages: ['a\rb'] }, {});
test('a quote that ends a label', leaks, { python: [{ text: 'a" b="c', hashes: [] }] }, {});
test('a variable in a label', leaks, { packages: ['a$HOME'] }, {});
test('a backslash at the end of a user', leaks, {}, { user: 'soc\\' });
test('a control character in the base', leaks, {}, { name: 'x\u001b[31m' });
test('a character that is none of ASCII', leaks, {}, { name: 'x\u2028RUN id' });

test('a line that Docker would not take is refused before it is sent', (t) => {
  const packages = Array.from({ length: 500 }, (_, at) => `${'x'.repeat(190)}${at}`);
  const error = t.throws(() => write({ packages }), { instanceOf: PackferryError });
  t.is(error.code, 'E_BUILD_INVALID');
});
