import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { zipOfFiles } from './zip-file.ts';

/** A wheel as pip reads it. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** The text of its only module, which is called as it. */
  readonly module: string;
  readonly requires?: readonly string[];
}

/** Writes a wheel (binary distribution format of Python); returns its sha256. */
export async function writeWheel(
  folder: string,
  { name, version, module, requires = [] }: Wheel,
): Promise<string> {
  const info = `${name}-${version}.dist-info`;
  const metadata = [
    ...['Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`],
    ...requires.map((one) => `Requires-Dist: ${one}`),
  ];
  const files: Record<string, string> = {
    [`${name}.py`]: module,
    [`${info}/METADATA`]: `${metadata.join('\n')}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  };
  const record = Object.entries(files).map(([file, text]) => {
    const sum = createHash('sha256').update(text).digest('base64url');
    return `${file},sha256=${sum},${Buffer.byteLength(text)}`;
  });
  const bytes = zipOfFiles({
    ...files,
    [`${info}/RECORD`]: `${[...record, `${info}/RECORD,,`].join('\n')}\n`,
  });
  await writeFile(path.join(folder, `${name}-${version}-py3-none-any.whl`), bytes);
  return createHash('sha256').update(bytes).digest('hex');
}
