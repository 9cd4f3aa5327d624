// Files that follow from the code: the command line's documentation, the list of error codes, and the JSON Schemas. The
// generator writes them, and a test compares them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command, Option } from 'commander';
import * as z from 'zod';
import { makeProgram } from '../src/cli/program.ts';
import { exitStatusTable } from '../src/cli/exit-status.ts';
import type { Context } from '../src/cli/context.ts';
import { errorCodes, meaningOfCode, statusOfCode } from '../src/core/errors.ts';
import { bundleSchema } from '../src/schema/bundle.ts';
import { damageSchema } from '../src/schema/damage.ts';
import { eventLine } from '../src/schema/events.ts';
import { exportManifestSchema } from '../src/schema/export-manifest.ts';
import { hostsSchema } from '../src/schema/hosts.ts';
import { lockSchema } from '../src/schema/lock.ts';
import { policySchema } from '../src/schema/policy.ts';
import { receiptSchema } from '../src/schema/receipt.ts';
import * as reports from '../src/schema/reports.ts';
import { buildReport } from '../src/schema/reports-build.ts';
import { doctorReport } from '../src/schema/reports-doctor.ts';
import * as ofHosts from '../src/schema/reports-hosts.ts';
import { historyReport } from '../src/schema/reports-history.ts';
import { lockReport } from '../src/schema/reports-lock.ts';
import { planReport } from '../src/schema/reports-plan.ts';
import * as receipts from '../src/schema/reports-receipt.ts';
import { serveReport } from '../src/schema/reports-serve.ts';
import { signReport } from '../src/schema/reports-sign.ts';
import * as trust from '../src/schema/reports-trust.ts';
import { trustUpdateSchema } from '../src/schema/trust-update.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Contents by path, relative to the project. */
export function generatedFiles(context: Context): ReadonlyMap<string, string> {
  const schemas: Readonly<Record<string, z.ZodType>> = {
    export: exportManifestSchema,
    hosts: hostsSchema,
    lock: lockSchema,
    bundle: bundleSchema,
    policy: policySchema,
    damage: damageSchema,
    'trust-update': trustUpdateSchema,
    events: eventLine,
    'report-plan': planReport,
    'report-lock': lockReport,
    'report-export': reports.exportReport,
    'report-sign': signReport,
    'report-verify': reports.verifyReport,
    'report-inspect': reports.inspectReport,
    'report-copy': reports.copyReport,
    'report-build': buildReport,
    'report-import': reports.importReport,
    'report-inventory': ofHosts.inventoryReport,
    'report-sync': ofHosts.syncReport,
    'report-serve': serveReport,
    'report-history': historyReport,
    'report-keygen': reports.keygenReport,
    receipt: receiptSchema,
    'report-receipt-show': receipts.receiptShowReport,
    'report-receipt-list': receipts.receiptListReport,
    'report-receipt-verify': receipts.receiptVerifyReport,
    'report-trust-add': trust.trustAddReport,
    'report-trust-list': trust.trustListReport,
    'report-trust-revoke': trust.trustRevokeReport,
    'report-trust-update': trust.trustUpdateReport,
    'report-trust-proposal': trust.trustProposalReport,
    'report-doctor': doctorReport,
    'report-failure': reports.failureReport,
  };
  const loader = readFileSync(path.join(root, 'load.sh'), 'utf8');
  return new Map([
    ['src/bundle/loader-script.ts', loaderModule(loader)],
    ['docs/without-packferry.md', withHash('docs/without-packferry.md', loader)],
    ['docs/cli.md', cliPage(makeProgram(context, () => undefined))],
    ['docs/errors.md', errorsPage()],
    ...Object.entries(schemas).map(
      ([name, schema]) => [`manifests/schema/${name}.schema.json`, schemaText(name, schema)] as const,
    ),
  ]);
}

/** load.sh as a module, since programs in one file have no other files. One string for each of its sections. */
function loaderModule(script: string): string {
  const sections = script.split(/^(?=# ---- )/m).map((section) => `  ${JSON.stringify(section)},\n`);
  return [
    '// Generated from load.sh at the top of the project (`npm run generate`): edit that file, not this one.\n',
    `export const loaderScript = [\n${sections.join('')}].join('');\n`,
  ].join('');
}

/** The page, with the hash that load.sh has now. */
function withHash(page: string, script: string): string {
  const line = `${createHash('sha256').update(script).digest('hex')}  load.sh`;
  return readFileSync(path.join(root, page), 'utf8').replace(/[0-9a-f]{64} {2}load\.sh$/m, line);
}

function schemaText(name: string, schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { target: 'draft-2020-12', unrepresentable: 'any', io: 'input' });
  return `${JSON.stringify({ ...json, title: `packferry ${name.replaceAll('-', ' ')}` }, null, 2)}\n`;
}

function cliPage(program: Command): string {
  const lines = [
    '# Command line',
    '',
    'This page is generated from the command tree (`npm run generate`). `packferry help COMMAND` prints the same.',
    '',
    'Results go to stdout, everything else to stderr. Every command takes the common options at the end of its list.',
    '',
    '| command | does |',
    '|---|---|',
    ...commandsOf(program).map(({ name, command }) => {
      return `| [\`${name}\`](#${name.replaceAll(' ', '-')}) | ${command.summary()} |`;
    }),
    '',
    '## Exit status',
    '',
    '| status | meaning |',
    '|---|---|',
    ...exitStatusTable.map(({ status, meaning }) => `| ${status} | ${meaning} |`),
    '',
    'Each error has a code; [errors.md](errors.md) lists them with their status.',
  ];
  for (const one of commandsOf(program)) lines.push('', ...commandSection(one));
  return `${lines.join('\n')}\n`;
}

interface Named {
  /** With the group that it stands in: `trust add`. */
  readonly name: string;
  readonly command: Command;
}

/** Every command that does something, those in groups by their whole names. */
function commandsOf(parent: Command, group = ''): Named[] {
  return parent.commands.flatMap((command) => {
    const name = `${group}${command.name()}`;
    return command.commands.length === 0 ? [{ name, command }] : commandsOf(command, `${name} `);
  });
}

function commandSection({ name, command }: Named): string[] {
  const examples = examplesOf(command);
  return [
    `## ${name}`,
    '',
    `    packferry ${name} ${command.usage()}`,
    '',
    command.description(),
    '',
    ...(command.registeredArguments.length === 0
      ? []
      : [
          '| argument | |',
          '|---|---|',
          ...command.registeredArguments.map(
            (argument) => `| \`${argument.name()}\` | ${argument.description} |`,
          ),
          '',
        ]),
    '| option | |',
    '|---|---|',
    ...command.options.map((option) => `| \`${option.flags}\` | ${cell(describe(option))} |`),
    ...(examples.length === 0 ? [] : ['', ...examples.map((line) => `    ${line}`)]),
  ];
}

function describe(option: Option): string {
  const extras = [
    ...(option.argChoices === undefined ? [] : [`one of ${option.argChoices.join(', ')}`]),
    ...(typeof option.defaultValue === 'string' || typeof option.defaultValue === 'number'
      ? [`default: ${option.defaultValueDescription ?? option.defaultValue}`]
      : []),
    ...(option.envVar === undefined ? [] : [`environment: ${option.envVar}`]),
  ];
  return `${option.description}${extras.length === 0 ? '' : ` (${extras.join('; ')})`}`;
}

/** The examples that the help prints after the options. */
function examplesOf(command: Command): string[] {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  const [, examples = ''] = text.split('\nExamples:\n');
  return examples
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim());
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function errorsPage(): string {
  return [
    '# Errors',
    '',
    'This page is generated from the code (`npm run generate`). Every error is printed as',
    '',
    '    error[CODE]: what happened, naming the image, file or line',
    '    hint: what to do',
    '',
    'and with `--json` as an object of `code`, `message` and `hint`. The exit status follows from the code; when several',
    'things failed, a failed verification (4) always wins.',
    '',
    '| code | exit status | meaning |',
    '|---|---|---|',
    ...errorCodes.map((code) => `| \`${code}\` | ${statusOfCode(code)} | ${meaningOfCode(code)} |`),
    '',
  ].join('\n');
}
