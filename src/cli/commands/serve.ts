import { InvalidArgumentError, Option } from 'commander';
import { passphraseOption, siteKeyOption } from '../options.ts';
import type { AddCommand } from './command.ts';

/** Where the server listens; port 0 is any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Adds the command to the program. */
export const addServe: AddCommand = (program, bind) =>
  program
    .command('serve')
    .summary('serve verified bundles as a read-only registry')
    .description(
      'Verifies bundles and serves their images as a read-only registry, straight from their archives, until it is stopped. For engines that pull: XSOAR with python.docker.registry, mirrors of Docker Hub, any docker pull or podman pull. What a bundle leaves out comes from the others that are named with it. The URL goes to stdout once it takes requests, a line for every request to stderr.',
    )
    .argument('<bundle...>', 'folders of bundles')
    .addOption(
      new Option(
        '--listen <host:port>',
        'where to listen; port 0 takes any free one; 0.0.0.0 or [::] lets other machines in',
      )
        .argParser(parseListen)
        .default({ host: '127.0.0.1', port: 5000 } satisfies ListenAddress, '127.0.0.1:5000'),
    )
    .option('--tls-cert <file>', 'speak HTTPS: PEM file of the certificate, with those above it')
    .option('--tls-key <file>', 'PEM file of the key of the certificate, without a passphrase')
    .option('-u, --username <name>', 'let only this account in')
    .option('--password-file <file>', 'file whose first line is the password of the account')
    .option('--prefix <path>', 'serve all images below this path, as soc/images')
    .addOption(siteKeyOption())
    .addOption(passphraseOption())
    .action(bind(async () => (await import('../actions/serve.ts')).serveCommand));

/** `127.0.0.1:5000`, `[::1]:5000`, `registry.soc.example:443`. */
function parseListen(text: string): ListenAddress {
  const [, bracketed, plain, digits = ''] =
    /^(?:\[([0-9a-f:.]+)\]|([^:/\s[\]]+)):([0-9]{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535)
    throw new InvalidArgumentError('Write it as HOST:PORT, for instance 127.0.0.1:5000 or [::1]:5000.');
  return { host, port };
}
