import { readFile } from 'node:fs/promises';
import { composeImage, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { systemTools } from './system-tools.ts';

/** A program of busybox under its own name. */
const applet = (name: string): { path: string; content: string; mode: number } => ({
  path: `bin/${name}`,
  content: `#!/bin/sh\nexec /bin/busybox ${name} "$@"\n`,
  mode: 0o755,
});

/**
 * Stands in for an installer, which would need Python and a network: it writes down its arguments, a line each, and the
 * files that it could install from. It fails for what is called "broken", as pip does.
 */
const standIn = (name: string): { path: string; content: string; mode: number } => ({
  path: `bin/${name}`,
  mode: 0o755,
  content: [
    '#!/bin/sh',
    `echo "${name}: Collecting $*"`,
    `for word in "$@"; do echo "<$word>" >> /${name}.log; done`,
    'if [ -d /packferry ]; then',
    `  /bin/busybox find /packferry -type f | /bin/busybox sort | /bin/busybox xargs /bin/busybox sha256sum >> /${name}.files`,
    'fi',
    'case "$*" in',
    '  *broken*)',
    `    /bin/busybox printf '\\033[31mERROR: No matching distribution found for broken\\n' >&2`,
    '    exit 1 ;;',
    '  *sleepy*)',
    '    echo "falling asleep"',
    '    /bin/busybox sleep 600 ;;',
    'esac',
    '',
  ].join('\n'),
});

/** A base with busybox and installers that only write down what they are told. Needs `busybox`. */
export async function buildBase(user?: string): Promise<ComposedImage> {
  return composeImage({
    busybox: await readFile(systemTools().path('busybox')),
    files: [
      ...['cat', 'rm'].map(applet),
      ...['pip', 'apk'].map(standIn),
      { path: 'etc/os-release', content: 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.0\n' },
      { path: 'etc/passwd', content: 'root:x:0:0:root:/:/bin/sh\nsoc:x:4000:4000:soc:/:/bin/sh\n' },
      { path: 'tmp/keep', content: '' },
    ],
    ...(user === undefined ? {} : { config: { user } }),
  });
}
