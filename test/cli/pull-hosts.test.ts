import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { refuse, serveFrom, startScripted } from '../helpers/registry-scripted.ts';

test('--verbose: each blob with the host that gave it, also when a mirror had only some', async (t) => {
  await withSite(async ({ at, host, content, key, manifestFor }) => {
    const lacking = await startScripted(async (request, response) => {
      if (request.path.includes('crypto')) refuse(response, 404, 'NAME_UNKNOWN');
      else await serveFrom(content, request, response);
    });
    try {
      const manifest = await manifestFor('two.yml', `${lacking.host}", "${host}`);
      const ran = await runCli(['export', manifest, '-o', at('out'), '--key', key, '--verbose']);
      t.is(ran.status, 0, ran.stderr);
      const lines = ran.stderr.split('\n').filter((line) => line.startsWith('pulled blob '));
      const from = (name: string): Set<string | undefined> =>
        new Set(
          lines
            .filter((line) => line.includes(`layer of demisto/${name}`) && !line.includes('and'))
            .map((line) => / from (.*)$/.exec(line)?.[1]),
        );
      t.deepEqual(from('crypto'), new Set([host]));
      t.deepEqual(from('powershell'), new Set([lacking.host]));
    } finally {
      await lacking.close();
    }
  });
});
