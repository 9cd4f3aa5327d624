import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { select } from '../../src/flows/selection.ts';
import { findUsage } from '../../src/flows/usage.ts';
import { parseImageName } from '../../src/flows/usage-name.ts';
import type { UsageReport } from '../../src/schema/reports-tags.ts';
import { usageReport } from '../../src/schema/reports-tags.ts';
import { errorOf, folderWith, integration, script } from '../helpers/pack-folder.ts';

async function usage(t: ExecutionContext, image: string): Promise<UsageReport> {
  const root = await folderWith(t, {
    'Packs/A/Integrations/I.yml': integration('I', 'type: python', 'dockerimage: demisto/python3:3.10.5.1'),
    'Packs/A/Scripts/S.yml': script('S', 'type: python', 'dockerimage: docker.io/demisto/python3:3.12.13.2'),
    'Packs/B/Scripts/D.yml': script('D', 'type: python'),
    'Packs/B/Scripts/L.yml': script('L', 'type: python', 'dockerimage: demisto/pytan'),
  });
  const signal = new AbortController().signal;
  const selection = await select([path.join(root, 'Packs')], {
    home: root,
    cacheDir: path.join(root, 'cache'),
    emit: () => undefined,
    signal,
  });
  return findUsage(parseImageName(image), selection);
}

const finds = test.macro({
  async exec(t, image: string, expected: readonly string[]) {
    const report = await usage(t, image);
    t.deepEqual(
      report.uses.map(({ item, file, line, key }) => `${item} ${file}:${line} ${key}`),
      expected,
    );
    t.deepEqual(usageReport.parse(report), report);
  },
  title: (_title, image: string) => `usage of ${image}`,
});
const [i, s] = ['I A/Integrations/I.yml:8 dockerimage', 'S A/Scripts/S.yml:7 dockerimage'];
test(finds, 'demisto/python3', [i, s]);
test(finds, 'index.docker.io/demisto/python3', [i, s]);
test(finds, 'demisto/python3:3.12.13.2', [s]);
test(finds, 'docker.io/demisto/python3:3.10.5.1', [i]);
test(finds, 'demisto/python3:latest', []);
test(finds, 'demisto/pytan:latest', ['L B/Scripts/L.yml:7 dockerimage']);
test(finds, 'demisto/pytan', ['L B/Scripts/L.yml:7 dockerimage']);
test(finds, 'demisto/python:1.3-alpine', ['D B/Scripts/D.yml:6 type']);
test(finds, 'registry.example:5000/demisto/python3', []);

const hints = test.macro({
  async exec(t, image: string, expected: readonly string[]) {
    t.deepEqual((await usage(t, image)).near, expected);
  },
  title: (_title, image: string) => `usage of ${image}: hints`,
});
test(hints, 'demisto/python3', []);
test(hints, 'demisto/python3:1', [
  'docker.io/demisto/python3:3.10.5.1',
  'docker.io/demisto/python3:3.12.13.2',
]);
test(hints, 'demisto/pythn3', ['docker.io/demisto/python3']);
test(hints, 'python3', ['docker.io/demisto/python3']);
test(hints, 'demisto/powershell', []);

test('usage of what is no image', async (t) => {
  await errorOf(t, 'E_REFERENCE_INVALID', () => usage(t, 'Demisto/Python3'));
});
