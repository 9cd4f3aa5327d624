import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { realBase } from '../helpers/real-base.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';
import { writeWheel } from '../helpers/wheel.ts';

const base = 'docker.io/acme/python:real';
const name = 'docker.io/acme/tool:1.0';

test.serial(
  'the real pip and the real apt: hashed wheels and a package are installed without a network, and "pip check" is asked',
  needing(['dockerd', 'docker', 'python3-pip', 'dpkg-deb', 'apt-get', 'root'], async (t) => {
    await withDockerd(async (dockerd) => {
      await withTempFolder(async (folder) => {
        const docker = async (...args: readonly string[]): Promise<string> => {
          const { status, stdout, stderr } = await dockerd.run(args);
          if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
          return stdout.trim();
        };
        await docker('import', await realBase(folder), base);
        const wheels = path.join(folder, 'wheels');
        await mkdir(wheels);
        const words = await writeWheel(wheels, {
          ...{ name: 'pf_words', version: '2.0', requires: ['pf_sounds<2'] },
          module: 'import pf_sounds\nsay = "words and " + pf_sounds.say\n',
        });
        const sounds = await writeWheel(wheels, {
          ...{ name: 'pf_sounds', version: '1.5', module: 'say = "sounds"\n' },
        });
        const requirements = path.join(folder, 'requirements.txt');
        const withHashes = (hash: string): Promise<void> =>
          writeFile(
            requirements,
            `pf_words==2.0 --hash=sha256:${words}\npf_sounds==1.5 --hash=sha256:${hash}\n`,
          );
        const on = ['--on', `docker:unix://${dockerd.socket}`, '--wheels', wheels, '--network', 'none'];
        const build = (image: string, ...more: readonly string[]): ReturnType<typeof runCli> =>
          runCli(['build', image, ...on, ...more]);

        await withHashes(words);
        const wrong = await build(name, '--from', base, '--requirements', requirements);
        t.is(wrong.status, 6, wrong.stderr);
        t.regex(wrong.stderr, /error\[E_BUILD_FAILED\][^]*DO NOT MATCH THE HASHES/);

        await withHashes(sounds);
        const asked = ['--requirements', requirements, '--package', 'packferry-words=1.0'];
        const built = await build(name, '--from', base, ...asked, '-v');
        t.is(built.status, 0, built.stderr);
        t.regex(built.stderr, /No broken requirements found/);
        const inside = ['run', '--rm', '--network', 'none', name];
        const program = 'import pf_words; print(pf_words.say, open("/usr/share/packferry-words").read())';
        t.is(await docker(...inside, 'python3', '-c', program), 'words and sounds words of a package');
        t.is(
          await docker(...inside, 'sh', '-c', 'echo /packferry/* /var/lib/apt/lists/*'),
          '/packferry/* /var/lib/apt/lists/*',
        );

        // pip itself installs it, and only says that it contradicts what is there.
        await writeWheel(wheels, { name: 'pf_sounds', version: '3.0', module: 'say = "noise"\n' });
        const noise = ['--from', name, '--python', 'pf_sounds==3.0'];
        const broken = await build('docker.io/acme/noise:1.0', ...noise);
        t.is(broken.status, 6, broken.stderr);
        t.regex(broken.stderr, /error\[E_BUILD_FAILED\][^]*pf.words 2\.0 has requirement pf.sounds<2/);
      });
    });
  }),
);
