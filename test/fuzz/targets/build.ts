import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { parseReference } from '../../../src/core/reference.ts';
import { readBuildAnswer } from '../../../src/engine/build-answer.ts';
import type { BaseImage } from '../../../src/flows/build/base-image.ts';
import { dockerfileOf } from '../../../src/flows/build/dockerfile.ts';
import { labelsOf } from '../../../src/flows/build/labels.ts';
import { parseRequirementsFile } from '../../../src/flows/build/requirements-file.ts';
import { anyJson } from '../mutate/json.ts';
import { anyText } from '../mutate/text.ts';
import type { Target } from '../target.ts';

const id = `sha256:${'1'.repeat(64)}` as const;
const base: BaseImage = {
  ...{ name: 'docker.io/demisto/python3:3.12', id, layers: ['x'], triggers: [] },
  platform: { os: 'linux', architecture: 'amd64' },
};
const hash = 'a'.repeat(64);

/** Whatever a requirements file says: a Dockerfile has the instructions that it was to have, and no other. */
export const requirements: Target = {
  name: 'build/requirements',
  valid: () => [
    Buffer.from(`# a comment\nrequests[socks,x] == 2.32.3 \\\n  --hash=sha256:${hash}\n`),
    Buffer.from(
      `idna>=3,<4 ; python_version >= "3.8" and (os_name == 'posix' or extra != "a b")\r\ntomli~=2.0\n`,
    ),
  ],
  mutations: anyText,
  codes: ['E_BUILD_INVALID'],
  runs: 1000,
  read: (input) => {
    const python = parseRequirementsFile(input.toString('utf8'), 'requirements.txt');
    const reference = parseReference('acme/tool:1.0');
    const recipe = { reference, base: reference, python, packages: [], checks: false };
    const labels = labelsOf(recipe, base, { tool: { name: 'packferry', version: '1' } });
    const lines = dockerfileOf(recipe, base, undefined, labels).trimEnd().split('\n');
    const kinds = lines.map((line) => /^(?:#|[A-Z]+|(?= ))/.exec(line)?.[0] ?? line);
    const isHashed = python.some(({ hashes }) => hashes.length > 0);
    const expected = isHashed ? ['FROM', 'COPY', 'RUN', 'RUN', 'LABEL'] : ['FROM', 'RUN', 'LABEL'];
    const wanted = python.length === 0 ? ['FROM', 'LABEL'] : expected;
    assert.deepEqual(
      kinds.filter((kind) => kind !== '#' && kind !== ''),
      wanted,
    );
    for (const line of lines) {
      assert.match(line, /^[ -~]+$/);
      if (line.startsWith('RUN ')) assert.ok(Array.isArray(JSON.parse(line.slice(4))));
    }
  },
};

/** What an engine answers to a build. */
export const buildAnswer: Target = {
  name: 'build/answer',
  valid: () => [
    Buffer.from(
      `{"stream":"Step 1/1 : FROM x\\n"}\r\n{"aux":{"ID":"${id}"}}\r\n{"stream":"Successfully built 111111111111\\n"}\r\n`,
    ),
    Buffer.from('{"stream":"pip"}\n{"status":"x"}\n{"stream":"Successfully built 111111111111\\n"}\n'),
  ],
  mutations: [...anyText, ...anyJson],
  codes: ['E_BUILD_FAILED', 'E_TARGET_FULL', 'E_ENGINE_PROTOCOL', 'E_LIMIT_EXCEEDED'],
  runs: 500,
  read: async (input) => {
    const answer = await readBuildAnswer(Readable.from([input]), 'acme/tool:1', () => undefined);
    assert.match(answer, /^(?:sha256:)?[0-9a-f]{12,64}$/);
  },
};
