import type { Package } from './parse.ts';

// `* busybox-1.31.1-r19 x86_64 {busybox}`: apk puts name, version and release into one word.
const apk = /^\* (\S+?)-(\d[^\s-]*(?:-r\d+)?) \S+ \{/;

// `* libc6:amd64<tab>2.19-18+deb8u6`: dpkg-query.
const dpkg = /^\* ([^\s:]+)(?::[a-z0-9]+)?\t(\S+)[ \t]*$/;

/**
 * Reads one line of the list of the system's packages. Undefined for other lines: images whose package manager could
 * not be asked have its complaints there.
 */
export function parsePackageLine(line: string): Package | undefined {
  const [, name, version] = apk.exec(line) ?? dpkg.exec(line) ?? [];
  return name === undefined || version === undefined ? undefined : [name, version];
}
