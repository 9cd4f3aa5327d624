import { readdir, readFile, rename, rm, writeFile, copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  receiptListReport,
  receiptShowReport,
  receiptVerifyReport,
} from '../../../src/schema/reports-receipt.ts';
import { withFolder } from '../../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../../helpers/cli-run.ts';
import { withSite, writeKey, type Site } from '../../helpers/cli-site.ts';
import { execTool } from '../../helpers/system-exec.ts';

const fail = (ran: Ran): string => `${ran.stdout}${ran.stderr}`;

/** A site on which a bundle was verified three times, so that its chain has three receipts. */
async function withChain(use: (site: Site, dir: string) => Promise<void>, signed = false): Promise<void> {
  await withSite(async (site) => {
    await runCli(site.exporting);
    const key = site.at('site_key');
    await writeKey(key, site.at('ignored'));
    for (let run = 0; run < 3; run += 1) {
      await runCli([
        ...['verify', site.bundle, '--trusted-keys', site.trusted, '--state', site.state],
        ...(signed ? ['--site-key', key] : []),
      ]);
    }
    await use(site, path.join(site.state, 'receipts'));
  });
}

/** The line that trusts the key for receipts. */
async function trustSiteKey(site: Site): Promise<string> {
  const file = site.at('receipt_signers');
  const key = (await readFile(site.at('site_key.pub'), 'utf8')).trim();
  await writeFile(file, `site namespaces="receipt@packferry" ${key}\n`);
  return file;
}

test('a chain is in order, and the code of its last receipt is told', async (t) => {
  await withChain(async (site, dir) => {
    const ran = await runCli(['receipt', 'verify', '--state', site.state]);
    t.is(ran.status, 0, fail(ran));
    t.regex(ran.stderr, /3 receipts, none missing or changed/);
    t.regex(ran.stderr, /Not signed: 1-3\./);
    const shown = await runCli(['receipt', 'show', '--state', site.state, '--json']);
    const { code, receipt } = receiptShowReport.parse(JSON.parse(shown.stdout));
    t.is(receipt.number, 3);
    t.true(ran.stderr.includes(code));
    const json = await runCli(['receipt', 'verify', dir, '--json']);
    t.true(receiptVerifyReport.parse(JSON.parse(json.stdout)).good);
    const list = await runCli(['receipt', 'list', '--state', site.state, '--json']);
    t.deepEqual(
      receiptListReport.parse(JSON.parse(list.stdout)).receipts.map(({ number }) => number),
      [1, 2, 3],
    );
    const table = await runCli(['receipt', 'list', '--state', site.state]);
    t.regex(table.stdout, /3 +2026-.* verify +done +soc \d+ +operator +no +[0-9A-Z-]{39}$/m);
  });
});

const broken = test.macro({
  exec: async (t, change: (dir: string) => Promise<unknown>, ...words: RegExp[]) => {
    await withChain(async (site, dir) => {
      await change(dir);
      const ran = await runCli(['receipt', 'verify', '--state', site.state]);
      t.is(ran.status, 4, fail(ran));
      t.regex(ran.stderr, /error\[E_RECEIPT_INVALID\]/);
      for (const word of words) t.regex(ran.stderr, word);
      const json = await runCli(['receipt', 'verify', dir, '--json']);
      t.false(receiptVerifyReport.parse(JSON.parse(json.stdout)).good);
    });
  },
  title: (title) => `a broken chain is found: ${title ?? ''}`,
});

const one = (number: number) => (dir: string) => path.join(dir, `receipt-00000${number}.json`);
const [first, second, third, fourth] = [one(1), one(2), one(3), one(4)];

/** Another user takes the blame. */
async function edit(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace('"operator"', '"somebody"').replace('"name": "operator"', '"name": "else"'),
  );
}
async function renameUser(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"name": "operator"', '"name": "somebody"'));
}

test(
  'the first was edited',
  broken,
  (dir) => renameUser(first(dir)),
  /receipt-000001\.json: it is not the receipt/,
);
test(
  'one in the middle was edited',
  broken,
  (dir) => renameUser(second(dir)),
  /receipt-000002\.json: it is not/,
);
test(
  'a field has another name',
  broken,
  (dir) => edit(second(dir)),
  /receipt-000002\.json: no receipt: operator/,
);
test(
  'a file is garbled',
  broken,
  (dir) => writeFile(third(dir), '{'),
  /receipt-000003\.json: no acceptable JSON/,
);
test(
  'a file is empty',
  broken,
  (dir) => writeFile(first(dir), ''),
  /receipt-000001\.json: no acceptable JSON/,
);
test('the first is gone', broken, (dir) => rm(first(dir)), /receipt-000001\.json: missing/);
test('one in the middle is gone', broken, (dir) => rm(second(dir)), /receipt-000002\.json: missing/);
test(
  'one is gone and the others moved up',
  broken,
  async (dir) => {
    await rm(second(dir));
    await rename(third(dir), second(dir));
  },
  /receipt-000002\.json: it is receipt 3/,
);
test(
  'two have changed places',
  broken,
  async (dir) => {
    await rename(first(dir), path.join(dir, 'x'));
    await rename(second(dir), first(dir));
    await rename(path.join(dir, 'x'), second(dir));
  },
  /receipt-000001\.json: it is receipt 2/,
  /receipt-000002\.json: it is receipt 1/,
);
test(
  'one was inserted',
  broken,
  async (dir) => {
    await rename(third(dir), fourth(dir));
    await copyFile(second(dir), third(dir));
  },
  /receipt-000003\.json: it is receipt 2/,
  /receipt-000004\.json: it is receipt 3/,
);
test(
  'one was appended',
  broken,
  (dir) => copyFile(third(dir), fourth(dir)),
  /receipt-000004\.json: it is receipt 3/,
);
test(
  'every bit that is flipped, here one of each receipt: all are named, the earliest first',
  broken,
  async (dir) => {
    for (const file of [first(dir), second(dir), third(dir)]) await renameUser(file);
  },
  /receipt-000001\.json: it is not.*\n.*receipt-000002\.json: it is not/,
);

test('that the last receipts were removed shows by a code that was told, and only by that', async (t) => {
  await withChain(async (site, dir) => {
    const shown = await runCli(['receipt', 'show', '--state', site.state, '--json']);
    const { code } = receiptShowReport.parse(JSON.parse(shown.stdout));
    const told = code.toLowerCase().replaceAll('-', ' ');
    const before = await runCli(['receipt', 'verify', dir, '--expect', told]);
    t.is(before.status, 0, fail(before));
    t.regex(before.stderr, /that of receipt 3, the last one/);

    await rm(third(dir));
    t.is((await runCli(['receipt', 'verify', dir])).status, 0);
    const after = await runCli(['receipt', 'verify', dir, '--expect', told]);
    t.is(after.status, 4, fail(after));
    t.regex(after.stderr, new RegExp(`no receipt has the code ${code}`));
  });
});

test('a code that was told earlier still holds when receipts have followed', async (t) => {
  await withChain(async (site, dir) => {
    const shown = await runCli(['receipt', 'show', '1', '--state', site.state, '--json']);
    const { code } = receiptShowReport.parse(JSON.parse(shown.stdout));
    const ran = await runCli(['receipt', 'verify', dir, '--expect', code]);
    t.is(ran.status, 0, fail(ran));
    t.regex(ran.stderr, /that of receipt 1; 2 came after it/);
  });
});

test('a code that was misheard is refused as such, and blames no receipt', async (t) => {
  await withChain(async (_site, dir) => {
    const ran = await runCli([
      'receipt',
      'verify',
      dir,
      '--expect',
      '7GQX-MZ4T-0V3K-81RD-HWEN-PC52-J9AB-XY6S',
    ]);
    t.is(ran.status, 2, fail(ran));
    t.regex(ran.stderr, /is no code of a receipt/);
  });
});

test('signed receipts: ours are good for ssh-keygen, and a changed one is good for nobody', async (t) => {
  await withChain(async (site, dir) => {
    const signers = await trustSiteKey(site);
    const ran = await runCli(['receipt', 'verify', dir, '--trusted-keys', signers]);
    t.is(ran.status, 0, fail(ran));
    t.regex(ran.stderr, /Signed by site\./);
    const args = ['-Y', 'verify', '-f', signers, '-I', 'site', '-n', 'receipt@packferry'];
    const byHand = [...args, '-s', `${third(dir)}.sig`];
    const good = await execTool('ssh-keygen', byHand, { input: await readFile(third(dir)) });
    t.is(good.status, 0, good.stderr);

    // Only the signature shows a change of the last one.
    await renameUser(third(dir));
    const bad = await runCli(['receipt', 'verify', dir]);
    t.is(bad.status, 4, fail(bad));
    t.regex(bad.stderr, /receipt-000003\.json\.sig: .*does not belong to this content/);
  }, true);
});

test('with trusted keys the newest receipt must be signed; unsigned ones before a signed one are held by it', async (t) => {
  await withChain(async (site, dir) => {
    const signers = await trustSiteKey(site);
    await rm(`${second(dir)}.sig`);
    const held = await runCli(['receipt', 'verify', dir, '--trusted-keys', signers]);
    t.is(held.status, 0, fail(held));
    t.regex(held.stderr, /Not signed: 2\./);
    await rm(`${third(dir)}.sig`);
    const open = await runCli(['receipt', 'verify', dir, '--trusted-keys', signers]);
    t.is(open.status, 4, fail(open));
    t.regex(open.stderr, /receipt-000002\.json: neither it nor a later receipt is signed/);
    t.regex(open.stderr, /receipt-000003\.json: neither it nor a later receipt is signed/);
  }, true);
});

test('a chain that somebody has written anew and signed himself is not trusted', async (t) => {
  await withChain(async (site, dir) => {
    await writeKey(site.at('other'), site.at('ignored'));
    const key = (await readFile(site.at('other.pub'), 'utf8')).trim();
    const signers = site.at('receipt_signers');
    await writeFile(signers, `site namespaces="receipt@packferry" ${key}\n`);
    const ran = await runCli(['receipt', 'verify', dir, '--trusted-keys', signers]);
    t.is(ran.status, 4, fail(ran));
    t.regex(ran.stderr, /receipt-000001\.json\.sig: .*is not trusted by/);
    // A key that may sign bundles may not sign receipts by that.
    await writeFile(
      signers,
      `site namespaces="bundle@packferry" ${(await readFile(site.at('site_key.pub'), 'utf8')).trim()}\n`,
    );
    t.is((await runCli(['receipt', 'verify', dir, '--trusted-keys', signers])).status, 4);
  }, true);
});

test('a receipt is shown on lines that fit on paper; a copy of it elsewhere, too', async (t) => {
  await withChain(async (site, dir) => {
    const ran = await runCli(['receipt', 'show', '2', '--state', site.state]);
    t.is(ran.status, 0, fail(ran));
    for (const line of ran.stdout.split('\n')) t.true(line.length <= 90, line);
    for (const words of [
      'PACKFERRY RECEIPT 2',
      'verify: done',
      'Operator      operator (uid',
      'Host          closed-host',
    ]) {
      t.true(ran.stdout.includes(words), `${words}\n${ran.stdout}`);
    }
    await mkdir(site.at('paper'));
    await copyFile(second(dir), site.at('paper', 'evidence.json'));
    const copy = await runCli(['receipt', 'show', site.at('paper', 'evidence.json')]);
    t.is(copy.status, 0, fail(copy));
    t.is(/Code +(\S+)/.exec(copy.stdout)?.[1], /Code +(\S+)/.exec(ran.stdout)?.[1]);
  });
});

test('what is not there is told, with what to do', async (t) => {
  await withFolder(async (folder) => {
    for (const args of [['show'], ['show', '7'], ['show', path.join(folder, 'x.json')], ['verify']]) {
      const ran = await runCli(['receipt', ...args, '--state', folder]);
      t.is(ran.status, 2, fail(ran));
      t.regex(ran.stderr, /E_RECEIPT_NOT_FOUND\].*\nhint: /);
    }
    const list = await runCli(['receipt', 'list', '--state', folder]);
    t.is(list.status, 0, fail(list));
    t.regex(list.stderr, /0 receipts/);
    const homeless = await runCli(['receipt', 'verify'], { state: 'as the user has it' });
    t.is(homeless.status, 2, fail(homeless));
    const group = await runCli(['receipt']);
    t.is(group.status, 2, fail(group));
  });
});

test('files that belong to no receipt are told; leftovers of a crash are passed over', async (t) => {
  await withChain(async (_site, dir) => {
    await writeFile(path.join(dir, 'receipt-000009.json.sig'), '');
    await writeFile(path.join(dir, '.packferry-0123456789abcdef.part'), 'x');
    const ran = await runCli(['receipt', 'verify', dir]);
    t.is(ran.status, 0, fail(ran));
    t.regex(ran.stderr, /warning: .*receipt-000009\.json\.sig belongs to no receipt/);
    t.notRegex(ran.stderr, /\.part/);
    t.is((await readdir(dir)).length, 5);
  });
});

test('hashes stand whole on their lines, so that they can be compared', async (t) => {
  await withSite(async (site) => {
    await runCli(site.exporting);
    const ran = await runCli([...site.importing, '--to', `oci:${site.at('images')}`]);
    t.is(ran.status, 0, fail(ran));
    const json = await runCli(['receipt', 'show', '--state', site.state, '--json']);
    const { receipt } = receiptShowReport.parse(JSON.parse(json.stdout));
    const { stdout } = await runCli(['receipt', 'show', '--state', site.state]);
    const hashes = receipt.images.map(({ config }) => config.slice('sha256:'.length));
    t.true(hashes.length > 0);
    for (const hash of hashes) {
      t.true(stdout.includes(`  signed   ${hash}\n`), stdout);
      t.true(stdout.includes(`  after    ${hash}\n`), stdout);
    }
  });
});
