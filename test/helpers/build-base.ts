import { readFile } from 'node:fs/promises';
import { composeImage, type ComposedImage, type ImageFile } from '../../bin/demo/sample-images.ts';
import { systemTools } from './system-tools.ts';

/** A program of busybox under its own name. */
const applet = (name: string): ImageFile => ({
  path: `bin/${name}`,
  content: `#!/bin/sh\nexec /bin/busybox ${name} "$@"\n`,
  mode: 0o755,
});

/**
 * Stands in for an installer, which would need Python and a network: it writes down who runs it and its arguments, a line
 * each, and the files that it could install from. It fails for what is called "broken", in its own words.
 */
const standIn = (name: string, complaint: string, more: readonly string[] = []): ImageFile => ({
  path: `bin/${name}`,
  mode: 0o755,
  content: [
    '#!/bin/sh',
    `echo "${name}: Collecting $*"`,
    `echo "uid=$(/bin/busybox id -u)" >> /${name}.log`,
    `for word in "$@"; do echo "<$word>" >> /${name}.log; done`,
    'if [ -d /packferry ]; then',
    `  /bin/busybox find /packferry -type f | /bin/busybox sort | /bin/busybox xargs /bin/busybox sha256sum >> /${name}.files`,
    'fi',
    ...more,
    'case "$*" in',
    '  *broken*)',
    `    /bin/busybox printf '\\033[31m${complaint}\\n' >&2`,
    '    exit 1 ;;',
    '  *sleepy*)',
    '    echo "falling asleep"',
    '    /bin/busybox sleep 600 ;;',
    'esac',
    '',
  ].join('\n'),
});

/** What systems say of themselves, and what installs packages there. */
const systems = {
  alpine: {
    release: 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.0\n',
    installer: standIn('apk', 'ERROR: unable to select packages: broken (no such package)'),
  },
  debian: {
    release: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    // As apt does, it leaves lists behind, and asks questions unless it is told not to.
    installer: standIn('apt-get', 'E: Unable to locate package broken', [
      'echo "frontend=$DEBIAN_FRONTEND" >> /apt-get.log',
      '/bin/busybox mkdir -p /var/lib/apt/lists/partial',
      'echo "of $1" >> /var/lib/apt/lists/packages',
    ]),
  },
  redhat: {
    release: 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
    installer: standIn('dnf', 'Error: Unable to find a match: broken'),
  },
  'redhat minimal': {
    release: 'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n',
    installer: standIn('microdnf', 'error: No package matches \\047broken\\047'),
  },
} as const;

export interface BuildBaseOptions {
  /** Who runs its programs. Default: root. */
  readonly user?: string;
  /** Default: Alpine. */
  readonly system?: keyof typeof systems;
}

/** A base with busybox and installers that only write down what they are told. Needs `busybox`. */
export async function buildBase({ user, system = 'alpine' }: BuildBaseOptions = {}): Promise<ComposedImage> {
  const { release, installer } = systems[system];
  return composeImage({
    busybox: await readFile(systemTools().path('busybox')),
    files: [
      ...['cat', 'rm'].map(applet),
      standIn('pip', 'ERROR: No matching distribution found for broken'),
      installer,
      { path: 'etc/os-release', content: release },
      { path: 'etc/passwd', content: 'root:x:0:0:root:/:/bin/sh\nsoc:x:4000:4000:soc:/:/bin/sh\n' },
      { path: 'tmp/keep', content: '' },
    ],
    ...(user === undefined ? {} : { config: { user } }),
  });
}
