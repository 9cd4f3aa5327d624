import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { filesOf } from '../helpers/export-process.ts';
import { runImport } from '../helpers/import-process.ts';
import { engineKinds, withEngine } from '../helpers/system-engine-kinds.ts';
import { put, urlOf } from '../helpers/system-relay.ts';
import { needing } from '../helpers/system-tools.ts';

const [docker] = engineKinds;
if (docker === undefined) throw new Error('no engine');

test.serial(
  'an export from an engine that is killed, and whose saved images are removed: the next one gives the bundle all the same',
  needing(docker.needs, async (t) => {
    await withEngine(docker, async (engine) => {
      await withFolder(async (folder) => {
        const at = (name: string): string => path.join(folder, name);
        const names = ['one', 'two'].map((name) => `localhost/acme/${name}:1`);
        for (const name of names)
          await put(
            engine,
            name,
            composeImage({ files: [{ path: 'app', content: noise(name, 3_000_000) }] }),
          );
        await writeKey(at('key'), at('trusted'));
        const images = names.map((reference) => ({ reference, from: urlOf(engine.socket) }));
        const manifest = { schema: 'packferry.export/v1', name: 'soc', images };
        // JSON is YAML.
        await writeFile(at('soc.yml'), JSON.stringify(manifest));
        const env = { XDG_CACHE_HOME: at('cache'), SOURCE_DATE_EPOCH: '1795400000' };
        const exporting = (out: string): string[] => [
          'export',
          at('soc.yml'),
          '-o',
          at(out),
          '--key',
          at('key'),
        ];
        const undisturbed = await runImport(exporting('undisturbed'), undefined, env);
        t.is(undisturbed.status, 0, undisturbed.lines.join('\n'));
        const { length } = undisturbed.lines;
        let kills = 0;
        let spools = 0;
        for (const part of [0.3, 0.6, 0.9]) {
          await rm(at('cache'), { recursive: true, force: true });
          const line = Math.max(1, Math.floor(length * part));
          const { signal } = await runImport(exporting('killed'), { line }, env);
          if (signal === 'SIGKILL') kills += 1;
          spools += (await readdir(at('cache'), { recursive: true }).catch((): string[] => [])).length;
        }
        t.true(kills >= 2, `${kills} exports were killed`);
        t.true(spools > 0, 'something was saved');
        await rm(at('cache'), { recursive: true, force: true });
        const last = await runImport(exporting('killed'), undefined, env);
        t.is(last.status, 0, last.lines.join('\n'));
        const [one, two] = [await filesOf(at('killed')), await filesOf(at('undisturbed'))];
        t.deepEqual([...one.keys()], [...two.keys()]);
        for (const [name, bytes] of two) t.true(bytes.equals(one.get(name) ?? Buffer.of()), name);
        const verified = await runCli(['verify', at('killed'), '--trusted-keys', at('trusted')]);
        t.is(verified.status, 0, verified.stderr);
      });
    });
  }),
);
