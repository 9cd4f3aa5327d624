import { chmod, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { removeAccount, storeAccount } from '../../../src/registry/credentials/store.ts';
import { storedCredentials } from '../../../src/registry/credentials/stored.ts';
import { helperAnswer, writeHelper } from '../../helpers/credential-helper.ts';
import { failure } from '../../helpers/registry-context.ts';
import { withTempFolder } from '../../helpers/system-service.ts';

const account = { username: 'me', password: 's3cr3t' };
const auth = Buffer.from('me:s3cr3t').toString('base64');
const options = { environment: { PATH: '/usr/bin:/bin' } };
const placesAt = (...files: readonly string[]): { file: string; named: boolean }[] =>
  files.map((file) => ({ file, named: false }));

async function json(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'));
}

test('storing: a new file is its owner’s alone, in a folder that is made', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'docker', 'config.json');
    const places = placesAt(path.join(folder, 'podman.json'), file);
    t.is(await storeAccount(places, 'r.example:5000', account, options), file, 'docker’s file, the last');
    t.deepEqual(await json(file), { auths: { 'r.example:5000': { auth } } });
    t.is((await stat(file)).mode & 0o777, 0o600);
    t.is((await stat(path.dirname(file))).mode & 0o777, 0o700);
    t.deepEqual(await readdir(path.dirname(file)), ['config.json']);
    const found = await storedCredentials(places, options).find('r.example:5000', 'a/b');
    t.is(found?.from, file);
  });
});

test('storing: Docker Hub under the key that docker reads, in place of its other names', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'config.json');
    const auths = {
      'docker.io': { auth: 'b2xkOng=' },
      'docker.io/demisto': { auth: 'YTpi' },
      'r.example': {},
    };
    await writeFile(file, JSON.stringify({ auths, currentContext: 'x' }));
    await storeAccount(placesAt(file), 'docker.io', account, options);
    t.deepEqual(await json(file), {
      auths: {
        'docker.io/demisto': { auth: 'YTpi' },
        'r.example': {},
        'https://index.docker.io/v1/': { auth },
      },
      currentContext: 'x',
    });
  });
});

test('storing: where an older account would be found first, it is replaced', async (t) => {
  await withTempFolder(async (folder) => {
    const [first, last] = [path.join(folder, 'auth.json'), path.join(folder, 'config.json')];
    await writeFile(first, JSON.stringify({ auths: { 'r.example': { auth: 'b2xkOng=' } } }));
    t.is(await storeAccount(placesAt(first, last), 'r.example', account, options), first);
    t.deepEqual(await json(first), { auths: { 'r.example': { auth } } });
  });
});

test('storing: a link stays one, and what it leads to is not open to others', async (t) => {
  await withTempFolder(async (folder) => {
    const [real, link] = [path.join(folder, 'real.json'), path.join(folder, 'config.json')];
    await writeFile(real, '{}');
    await chmod(real, 0o644);
    await symlink(real, link);
    await storeAccount(placesAt(link), 'r.example', account, options);
    t.true((await lstat(link)).isSymbolicLink());
    t.deepEqual(await json(real), { auths: { 'r.example': { auth } } });
    t.is((await stat(real)).mode & 0o777, 0o600);
  });
});

test('storing: with the helper that the file names, which learns it on its input only', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'config.json');
    const helper = await writeHelper(folder, 'keys', {
      'r.example': helperAnswer('r.example', 'me', 's3cr3t'),
    });
    await writeFile(file, JSON.stringify({ credsStore: 'keys' }));
    const from = await storeAccount(placesAt(file), 'r.example', account, helper);
    t.is(from, 'docker-credential-keys');
    t.deepEqual(await json(file), { credsStore: 'keys', auths: { 'r.example': {} } });
    t.deepEqual(await helper.calls(), [`store {"ServerURL":"r.example","Username":"me","Secret":"s3cr3t"}`]);

    t.deepEqual(await removeAccount(placesAt(file), 'r.example', helper), ['docker-credential-keys']);
    t.deepEqual(await json(file), { credsStore: 'keys', auths: {} });
    t.is((await helper.calls()).at(-1), 'erase r.example');
  });
});

test('storing: a helper that refuses leaves the file as it was', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'config.json');
    await writeFile(file, JSON.stringify({ credHelpers: { 'r.example': 'absent' } }));
    const before = await readFile(file, 'utf8');
    const store = async (): Promise<string> => storeAccount(placesAt(file), 'r.example', account, options);
    const error = await failure(t, 'E_CREDENTIALS', store);
    t.false(`${error.message}${error.hint ?? ''}`.includes('s3cr3t'));
    t.is(await readFile(file, 'utf8'), before);
  });
});

test('storing: a file that is broken is not written over', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'config.json');
    await writeFile(file, '{"auths": {');
    await failure(t, 'E_CREDENTIALS', async () =>
      storeAccount(placesAt(file), 'r.example', account, options),
    );
    t.is(await readFile(file, 'utf8'), '{"auths": {');
  });
});

test('storing: a folder that cannot be written', async (t) => {
  await withTempFolder(async (folder) => {
    await writeFile(path.join(folder, 'file'), '');
    const file = path.join(folder, 'file', 'config.json');
    const error = await failure(t, 'E_CREDENTIALS', async () =>
      storeAccount(placesAt(file), 'r.example', account, options),
    );
    t.regex(error.message, /cannot be written/);
    t.false(`${error.message}${error.hint ?? ''}${error.stack ?? ''}`.includes(auth));
  });
});

test('removing: from every file that has it; what is not there is no fault', async (t) => {
  await withTempFolder(async (folder) => {
    const [first, last] = [path.join(folder, 'auth.json'), path.join(folder, 'config.json')];
    for (const file of [first, last]) {
      await writeFile(file, JSON.stringify({ auths: { 'r.example': { auth }, 'o.example': { auth } } }));
    }
    t.deepEqual(await removeAccount(placesAt(first, last), 'r.example', options), [first, last]);
    t.deepEqual(await json(last), { auths: { 'o.example': { auth } } });
    t.deepEqual(await removeAccount(placesAt(first, last), 'r.example', options), []);
  });
});
