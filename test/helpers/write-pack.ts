import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Writes a small content pack: one Python integration per image reference, in split layout. */
export async function writePack(folder: string, references: readonly string[]): Promise<string> {
  const name = path.basename(folder);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'pack_metadata.json'), JSON.stringify({ name, currentVersion: '1.0.0' }));
  for (const [index, reference] of references.entries()) {
    const item = `Item${index}`;
    const place = path.join(folder, 'Integrations', item);
    await mkdir(place, { recursive: true });
    await writeFile(
      path.join(place, `${item}.yml`),
      [
        'commonfields:',
        `  id: ${item}`,
        '  version: -1',
        `name: ${item}`,
        'category: Utilities',
        'script:',
        '  type: python',
        '  subtype: python3',
        `  dockerimage: ${reference}`,
        "  script: '-'",
        '',
      ].join('\n'),
    );
  }
  return folder;
}
