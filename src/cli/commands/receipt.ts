import { Option, type Command } from 'commander';
import { stateOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the group; its commands are added to it. */
export const addReceipt: AddCommand = (program) =>
  program
    .command('receipt')
    .summary('show and check what imports and copies have left as evidence')
    .description(
      'Whatever brings images somewhere (import, copy, sync, build, serve), and every verification, leaves a receipt in the state folder, also when it fails: what was looked at, by which keys and rules it was judged, what was done, by whom. Each receipt holds the hash of the one before.',
    );

export const addReceiptShow: AddCommand = (receipt, bind) =>
  receipt
    .command('show')
    .summary('show a receipt, for reading and printing')
    .description(
      'Shows a receipt on lines that fit on paper, with the code by which it can be told over the phone. With --json the receipt itself.',
    )
    .argument('[receipt]', 'the number of a receipt, "last", or a file', 'last')
    .addOption(stateOption())
    .action(bind(async () => (await import('../actions/receipt/show.ts')).showReceipt));

export const addReceiptList: AddCommand = (receipt, bind) =>
  receipt
    .command('list')
    .summary('list the receipts')
    .description('Lists the receipts of this machine, the newest last. Checks nothing.')
    .addOption(stateOption())
    .action(bind(async () => (await import('../actions/receipt/list.ts')).listAll));

export const addReceiptVerify: AddCommand = (receipt, bind) =>
  addVerifyOptions(
    receipt
      .command('verify')
      .summary('check the whole chain of receipts')
      .description(
        'Checks that no receipt is missing or changed, and every signature. That the newest receipts were removed shows only by comparison with what is known elsewhere: the code of a receipt, given with --expect.',
      )
      .argument('[dir]', 'the folder of the receipts (default: the one in the state folder)'),
  ).action(bind(async () => (await import('../actions/receipt/verify.ts')).verifyReceipts));

function addVerifyOptions(command: Command): Command {
  return command
    .addOption(stateOption())
    .addOption(
      new Option(
        '--trusted-keys <file>',
        'allowed_signers file with the keys that sign receipts, admitted for the namespace receipt@packferry; the newest receipt must then be signed by one of them',
      ),
    )
    .addOption(
      new Option(
        '--expect <code>',
        'the code of a receipt, as it was told or printed: it must be in the chain, which cannot have been cut before it',
      ),
    );
}
