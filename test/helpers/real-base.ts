import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execOk } from './system-exec.ts';

/** Of Debian, whatever else stands in the PATH. */
const python = '/usr/bin/python3';

/** What dpkg and the build itself call. */
const programs = [
  ...['sh', 'cat', 'rm', 'tar'].map((name) => `/bin/${name}`),
  ...['diff', 'dpkg', 'dpkg-deb', 'dpkg-split', 'apt-get', 'pip'].map((name) => `/usr/bin/${name}`),
  ...['ldconfig', 'start-stop-daemon'].map((name) => `/sbin/${name}`),
  ...['file', 'store'].map((name) => `/usr/lib/apt/methods/${name}`),
];

/** Told of the Python of the machine by itself. */
interface Python {
  readonly program: string;
  readonly library: string;
  readonly pip: string;
}

/**
 * Writes a tar of a small Debian with what this machine has of it: Python with pip, apt and dpkg, and the libraries that
 * they need. Its apt knows one source, a folder in it with a package `packferry-words`, which brings
 * `/usr/share/packferry-words`. Needs `tar`, `ldd`, and Debian's `python3-pip`.
 */
export async function realBase(folder: string): Promise<string> {
  const facts =
    'import json, os, sys, sysconfig, pip; print(json.dumps({"program": os.path.realpath(sys.executable), ' +
    '"library": sysconfig.get_path("stdlib"), "pip": os.path.dirname(pip.__file__)}))';
  const { program, library, pip } = JSON.parse(await execOk(python, ['-I', '-c', facts])) as Python;
  const modules = await readdir(path.join(library, 'lib-dynload'));
  const libraries = await librariesOf([
    ...[program, ...programs],
    ...modules.map((name) => path.join(library, 'lib-dynload', name)),
  ]);
  const files = [python, program, library, pip, ...programs, ...libraries, '/usr/share/dpkg'];
  const own = path.join(folder, 'own');
  await writeSystem(own);
  const archive = path.join(folder, 'base.tar');
  await execOk('tar', [
    // Debian's mark that pip is to leave this Python alone is not in images that are made for pip.
    ...['test', 'idlelib', 'lib2to3', 'tkinter', 'config-3*', 'EXTERNALLY-MANAGED'].map(
      (name) => `--exclude=${name}`,
    ),
    // What is a link on the machine is a file there: no link leads to what was left out.
    ...['--create', '--dereference', '--hard-dereference', '--file', archive],
    ...['--directory', '/', ...[...new Set(files)].map((file) => file.slice(1))],
    ...['--directory', own, '.'],
  ]);
  return archive;
}

async function librariesOf(programs: readonly string[]): Promise<readonly string[]> {
  // Scripts are among them, of which it says so.
  const said = await execOk('sh', ['-c', 'ldd -- "$@" 2>/dev/null || true', 'sh', ...programs]);
  return [...said.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, file = '']) => file);
}

/** What no package of the machine has, but every system. */
async function writeSystem(own: string): Promise<void> {
  const write = async (name: string, text: string): Promise<void> => {
    const file = path.join(own, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  for (const name of [
    ...['tmp', 'var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/log/apt', 'var/cache/apt/archives/partial'],
    ...['etc/apt/apt.conf.d', 'etc/apt/preferences.d'],
  ])
    await mkdir(path.join(own, name), { recursive: true });
  await write('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n_apt:x:42:65534::/nonexistent:/bin/sh\n');
  await write('etc/group', 'root:x:0:\nnogroup:x:65534:\n');
  await write('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n');
  await write('etc/apt/sources.list', 'deb [trusted=yes] file:/srv/repository ./\n');
  await write('var/lib/dpkg/status', '');
  await write('srv/repository/Packages', await packageFor(own));
}

/** Makes the package, and what an index of packages says of it. */
async function packageFor(own: string): Promise<string> {
  const tree = path.join(path.dirname(own), 'package');
  const control = [
    ...['Package: packferry-words', 'Version: 1.0', 'Architecture: all'],
    ...['Maintainer: nobody <nobody@soc.example>', 'Description: words'],
  ].join('\n');
  await mkdir(path.join(tree, 'DEBIAN'), { recursive: true });
  await writeFile(path.join(tree, 'DEBIAN', 'control'), `${control}\n`);
  await mkdir(path.join(tree, 'usr', 'share'), { recursive: true });
  await writeFile(path.join(tree, 'usr', 'share', 'packferry-words'), 'words of a package\n');
  const name = 'packferry-words_1.0_all.deb';
  const file = path.join(own, 'srv', 'repository', name);
  await mkdir(path.dirname(file), { recursive: true });
  await execOk('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, file]);
  const bytes = await readFile(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return `${control}\nFilename: ./${name}\nSize: ${bytes.length}\nSHA256: ${sha256}\n`;
}
