import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withFolder } from './bundle-fixture.ts';
import { runCli, type Ran } from './cli-run.ts';
import { writeKey } from './cli-site.ts';

export interface Exported extends Ran {
  /** Is there a finished bundle? */
  readonly isWritten: boolean;
}

/** What `packferry export` does with an image out of a save, `save.tar`. */
export async function exportOf(save: Buffer, reference: string): Promise<Exported> {
  return withFolder(async (folder) => {
    const at = (name: string): string => path.join(folder, name);
    await writeFile(at('save.tar'), save);
    const images = `[{ reference: '${reference}', from: 'docker-archive:save.tar' }]`;
    await writeFile(at('m.yml'), `schema: packferry.export/v1\nname: soc\nimages: ${images}\n`);
    await writeKey(at('key'), at('trusted'));
    const env = { XDG_CACHE_HOME: at('cache') };
    const ran = await runCli(['export', at('m.yml'), '-o', at('out'), '--key', at('key')], { env });
    return { ...ran, isWritten: existsSync(path.join(at('out'), 'SHA256SUMS')) };
  });
}
