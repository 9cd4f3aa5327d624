import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { copyReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { lockComposed } from '../helpers/compose.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { endpointOf } from '../helpers/system-import.ts';
import { inZstd } from '../helpers/zstd-image.ts';

const mib = 1024 * 1024;
const diskMib = 40;
const largeMib = 20;
const file = (name: string, size: number) => ({ files: [{ path: name, content: noise(name, size) }] });

engineTest(
  'copy: what an engine cannot take is said before anything is sent',
  async (t, { kind, engine, target }) => {
    await withFolder(async (folder) => {
      const large = composeImage(file('large', largeMib * mib));
      const small = composeImage(file('small', 1000));
      const zstd = inZstd(composeImage(file('zstd', 200_000)));
      const foreign = composeImage({
        ...file('foreign', 1000),
        platform: { os: 'linux', architecture: 's390x' },
      });
      const named = { large, small, zstd, foreign };
      const nameOf = (name: string): string => `docker.io/demisto/${name}:1`;
      const layout = path.join(folder, 'layout');
      await writeOciLayout(
        layout,
        Object.entries(named).map(([name, image]) => ({ reference: nameOf(name), image })),
      );
      const copy = (names: readonly string[], ...more: readonly string[]): Promise<Ran> =>
        runCli([
          'copy',
          ...names,
          '--from',
          `oci:${layout}`,
          '--to',
          endpointOf(kind, engine.socket),
          ...more,
        ]);
      const held = async (): Promise<readonly string[]> => {
        const images = Object.entries(named).map(([name, image]) => lockComposed(nameOf(name), image));
        const answers = await target.survey(images);
        return Object.keys(named).filter((_, index) => answers[index]?.state !== 'absent');
      };

      const filler = path.join(engine.data, 'filler');
      await writeFile(filler, Buffer.alloc((diskMib - largeMib + 2) * mib));
      const full = await copy([nameOf('small'), nameOf('large')]);
      t.is(full.status, 6, full.stderr);
      // Of the containerd store nobody can be certain: it warns, and then finds out.
      if (kind.idOf === 'config') {
        t.regex(
          full.stderr,
          /error\[E_TARGET_FULL\]: nothing was sent: .* free, and 20\.\d MiB are to be sent/,
        );
        t.deepEqual(await held(), []);
      } else t.regex(full.stderr, /warning: .* free; the images may need /);
      const dry = await copy([nameOf('large')], '--dry-run');
      t.is(dry.status, 0, dry.stderr);
      t.regex(dry.stderr, /warning: .* free/);
      await rm(filler);

      const compressed = await copy([nameOf('small'), nameOf('zstd')]);
      if (kind.name === 'installed Docker') {
        t.regex(
          compressed.stderr,
          /error\[E_ENGINE_TOO_OLD\]: nothing was sent: .*zstd:1: it has layers in zstd/,
        );
        t.is(compressed.status, 6);
        t.deepEqual(await held(), []);
      } else t.is(compressed.status, 0, compressed.stderr);

      const other = await copy([nameOf('foreign')], '--platform', 'linux/s390x', '--json');
      t.regex(other.stderr, /warning: .*foreign:1 is for linux\/s390x, .* runs linux\/amd64/);
      const [brought] = copyReport.parse(JSON.parse(other.stdout)).targets[0]?.images ?? [];
      // The containerd store would keep it packed.
      if (kind.idOf === 'config') t.is(brought?.status, 'loaded', other.stderr);
      else t.regex(brought?.error?.message ?? '', /not unpacked it: it is for linux\/s390x/);
    });
  },
  engineKinds,
  { dataSize: diskMib * 1024 },
);
