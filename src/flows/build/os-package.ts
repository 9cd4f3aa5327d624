import { PackferryError } from '../../core/errors.ts';
import { severalIn, shown } from './requirement.ts';

/** The program that installs packages of the operating system. */
export type PackageManager = 'apk' | 'apt' | 'dnf';

export const packageManagers: readonly PackageManager[] = ['apk', 'apt', 'dnf'];

// No name starts with a dash, which would be an option, nor ends with one, which has apt remove the package.
const name = '[A-Za-z0-9](?:[A-Za-z0-9._+-]*[A-Za-z0-9+])?';
const version = '[A-Za-z0-9](?:[A-Za-z0-9._+:~^-]*[A-Za-z0-9+~])?';

const grammars: Readonly<Record<PackageManager, RegExp>> = {
  apk: new RegExp(`^${name}(?:(?:=|~=?|[<>]=?)${version})?$`),
  apt: new RegExp(`^${name}(?::[a-z0-9]+)?(?:=${version})?$`),
  // The version is a part of the name: libxml2-2.9.13-6.el9.
  dnf: new RegExp(`^${name}$`),
};

const anyGrammar = new RegExp(`^${name}(?::[a-z0-9]+)?(?:(?:=|~=?|[<>]=?)${version})?$`);

const hints: Readonly<Record<PackageManager, string>> = {
  apk: 'Write it as NAME or NAME=VERSION, for instance libxml2=2.13.4-r5.',
  apt: 'Write it as NAME or NAME=VERSION, for instance libxml2=2.9.14+dfsg-1.3.',
  dnf: 'Write it as NAME or NAME-VERSION, for instance libxml2-2.9.13-6.el9.',
};

/** Checks the name of an OS package; without a manager, for what all of them refuse. Throws `E_BUILD_INVALID`. */
export function checkOsPackage(text: string, manager?: PackageManager): void {
  const grammar = manager === undefined ? anyGrammar : grammars[manager];
  if (text.length <= 200 && grammar.test(text)) return;
  const several = severalIn(text, grammar);
  const each = several?.map((one) => `--package '${one}'`).join(' ');
  throw new PackferryError(
    'E_BUILD_INVALID',
    `${shown(text)} is no package${manager === undefined ? ' of an operating system' : ` for ${manager}`}`,
    { hint: each === undefined ? hints[manager ?? 'apk'] : `Each stands by itself: ${each}.` },
  );
}

/**
 * The shell scripts never change: the packages are their arguments, so nothing that stands in a name is read by a shell.
 * Each leaves no lists of packages behind, which takes one step for all.
 */
const scripts = {
  apt: 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -- "$@" && rm -rf /var/lib/apt/lists/*',
  dnf: 'if command -v dnf >/dev/null; then tool=dnf; else tool=microdnf; fi; "$tool" install -y --nodocs --setopt=install_weak_deps=0 "$@" && "$tool" clean all',
} as const;

/** The words of the command that installs packages. */
export function installCommand(manager: PackageManager, packages: readonly string[]): readonly string[] {
  if (manager === 'apk') return ['apk', 'add', '--no-cache', ...packages];
  return ['/bin/sh', '-c', scripts[manager], manager, ...packages];
}

const managersBySystem: readonly (readonly [PackageManager, readonly string[]])[] = [
  ['apk', ['alpine', 'wolfi', 'chainguard']],
  ['apt', ['debian', 'ubuntu']],
  ['dnf', ['rhel', 'fedora', 'centos', 'rocky', 'almalinux', 'ol', 'amzn']],
];

/** The package manager of a system by its os-release(5), perhaps on one line; undefined where it is unknown. */
export function managerOf(osRelease: string): PackageManager | undefined {
  const ids = ['ID', 'ID_LIKE'].flatMap((key) => {
    const [, quoted, plain] = new RegExp(`(?:^|\\s)${key}=(?:"([^"]*)"|([\\w.-]*))`).exec(osRelease) ?? [];
    return (quoted ?? plain ?? '').split(' ');
  });
  return managersBySystem.find(([, systems]) => systems.some((system) => ids.includes(system)))?.[0];
}
