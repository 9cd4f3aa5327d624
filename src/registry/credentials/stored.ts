import { accountFor, helperFor, readAuthFile, unusable, type AuthFile } from './auth-file.ts';
import { canonicalHost } from './auth-key.ts';
import type { Credential, CredentialSource } from './credential.ts';
import { askHelper, type HelperOptions } from './helper.ts';
import type { AuthFilePlace } from './places.ts';

/**
 * The accounts that `docker login`, `podman login`, `skopeo login` and `packferry login` have stored. Every file is read
 * once and every helper is asked once for a host, also when it failed.
 */
export function storedCredentials(
  places: readonly AuthFilePlace[],
  options: HelperOptions,
): CredentialSource {
  const files = new Map<string, Promise<AuthFile | undefined>>();
  const answers = new Map<string, Promise<Credential | undefined>>();
  const read = async (place: AuthFilePlace): Promise<AuthFile | undefined> =>
    once(files, place.file, async () => readPlace(place));
  const ask = async (helper: string, host: string): Promise<Credential | undefined> =>
    once(answers, `${helper} ${canonicalHost(host)}`, async () => askHelper(helper, host, options));
  return {
    async find(host, path) {
      for (const place of places) {
        const file = await read(place);
        if (file === undefined) continue;
        const helper = helperFor(file, host);
        // As docker has it: where a helper is set, what else stands in the file does not count.
        const found = helper === undefined ? accountFor(file, host, path) : await ask(helper, host);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Reads a file of accounts. One that somebody has named must be there. */
export async function readPlace({ file, named }: AuthFilePlace): Promise<AuthFile | undefined> {
  const found = await readAuthFile(file);
  if (found === undefined && named) throw unusable(`${file}: no such file`);
  return found;
}

async function once<T>(known: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const pending = known.get(key) ?? work();
  known.set(key, pending);
  return pending;
}
