import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  escapeFaults,
  globalFaults,
  importFaults,
  levels,
  sizeFaults,
  type Source,
} from './helpers/source-rules.ts';

const root = path.join(import.meta.dirname, '..', '..', 'src');

async function readSources(): Promise<Source[]> {
  const names = await readdir(root, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts')).sort();
  return Promise.all(
    files.map(async (name) => ({
      file: name.split(path.sep).join('/'),
      text: await readFile(path.join(root, name), 'utf8'),
    })),
  );
}

const sources = await readSources();

const holds = test.macro({
  exec(t, check: (source: Source) => string[]) {
    t.deepEqual(sources.flatMap(check), []);
  },
  title: (rule) => `every file under src: ${rule}`,
});
test('imports go only to the left, and never to a neighbour', holds, importFaults);
test('one idea per file: at most 350 lines', holds, sizeFaults);
test('only cli touches process and console', holds, globalFaults);
test('no way around the type checker or the linter', holds, escapeFaults);

test('the files were found', (t) => {
  const rooms = new Set(sources.map(({ file }) => file.split('/')[0]));
  for (const room of ['core', 'schema', 'archive', 'index.ts']) t.true(rooms.has(room), room);
});

// What follows shows that the checks can fail.

const found = test.macro({
  exec(t, check: (source: Source) => string[], file: string, text: string, line: number) {
    const faults = check({ file, text });
    t.is(faults.length, 1, faults.join('\n'));
    t.true(faults[0]?.startsWith(`${file}:${line}: `), faults[0]);
  },
  title: (what) => `found: ${what}`,
});
const fine = test.macro({
  exec(t, check: (source: Source) => string[], file: string, text: string) {
    t.deepEqual(check({ file, text }), []);
  },
  title: (what) => `fine: ${what}`,
});

const toArchive = '../archive/plan.ts';
test('an import to the right', found, importFaults, 'core/a.ts', `\nimport { x } from '${toArchive}';`, 2);
test(
  'a type import to the right',
  found,
  importFaults,
  'schema/a.ts',
  `import type { X } from '${toArchive}';`,
  1,
);
test('an import for its effect', found, importFaults, 'core/a.ts', `import '${toArchive}';`, 1);
test('an import of a neighbour', found, importFaults, 'trust/a.ts', `import { x } from '${toArchive}';`, 1);
test(
  'an export from a neighbour',
  found,
  importFaults,
  'ssh/a.ts',
  `// a\n\nexport { x } from '${toArchive}';`,
  3,
);
test('an export of everything', found, importFaults, 'core/a.ts', `export * from '${toArchive}';`, 1);
test('a dynamic import', found, importFaults, 'pack/a.ts', `const x =\n  await import('${toArchive}');`, 2);
test(
  'a dynamic import with a template',
  found,
  importFaults,
  'pack/a.ts',
  `await import(\`${toArchive}\`);`,
  1,
);
test('an import that is computed', found, importFaults, 'cli/a.ts', 'await import(name);', 1);
test('an import type', found, importFaults, 'core/a.ts', `let x: import('${toArchive}').X;`, 1);
test('a require', found, importFaults, 'core/a.ts', `const x = require('${toArchive}');`, 1);
test('an import assignment', found, importFaults, 'core/a.ts', `import x = require('${toArchive}');`, 1);
test(
  'an import of the public surface',
  found,
  importFaults,
  'cli/a.ts',
  "import { x } from '../index.ts';",
  1,
);
test('an import from outside src', found, importFaults, 'cli/a.ts', "import { x } from '../../bin/x.ts';", 1);
test(
  'an import of a room that does not exist',
  found,
  importFaults,
  'cli/a.ts',
  "import { x } from '../util/x.ts';",
  1,
);
test('a file in a room that does not exist', found, importFaults, 'util/a.ts', '', 1);
test('a file beside the rooms', found, importFaults, 'util.ts', '', 1);
test('core reads files', found, importFaults, 'core/a.ts', "import { open } from 'node:fs/promises';", 1);
test('core opens connections', found, importFaults, 'core/a.ts', "import http from 'http';", 1);
test('core uses a package', found, importFaults, 'core/a.ts', "import * as z from 'zod';", 1);

test('an import to the left', fine, importFaults, 'bundle/a.ts', `import { x } from '${toArchive}';`);
test('an import inside the room', fine, importFaults, 'core/deep/a.ts', "import { x } from '../b.ts';");
test(
  'the public surface imports everything',
  fine,
  importFaults,
  'index.ts',
  "export { x } from './cli/x.ts';",
);
test('a package outside core', fine, importFaults, 'schema/a.ts', "import * as z from 'zod';");
test('an import inside a text', fine, importFaults, 'core/a.ts', `const x = "import '${toArchive}'";`);
for (const name of ['node:buffer', 'node:crypto', 'node:stream', 'yaml']) {
  test(`core imports ${name}`, fine, importFaults, 'core/a.ts', `import { x } from '${name}';`);
}

test('every room is imported by a later one, none by an earlier one', (t) => {
  for (const [at, rooms] of levels.entries()) {
    for (const [of, others] of levels.entries()) {
      for (const room of rooms) {
        for (const other of others.filter((name) => name !== room)) {
          const text = `import { x } from '../${other}/x.ts';`;
          t.is(
            importFaults({ file: `${room}/a.ts`, text }).length,
            of < at ? 0 : 1,
            `${room} imports ${other}`,
          );
        }
      }
    }
  }
});

test('a file of 350 lines may stand, one of 351 may not', (t) => {
  t.deepEqual(sizeFaults({ file: 'core/a.ts', text: 'x;\n'.repeat(350) }), []);
  t.is(sizeFaults({ file: 'core/a.ts', text: 'x;\n'.repeat(351) }).length, 1);
});

test('process', found, globalFaults, 'core/a.ts', '\nprocess.exit(1);', 2);
test('an environment read', found, globalFaults, 'flows/a.ts', "const x = process['env'].HOME;", 1);
test('process taken apart', found, globalFaults, 'flows/a.ts', 'const { env } = process;', 1);
test('process as a shorthand', found, globalFaults, 'flows/a.ts', 'const x = { process };', 1);
test('process over globalThis', found, globalFaults, 'flows/a.ts', 'globalThis.process.exit(1);', 1);
test('console', found, globalFaults, 'engine/a.ts', "console.log('x');", 1);
test('process as a module', found, globalFaults, 'ssh/a.ts', "import { env } from 'node:process';", 1);
test(
  'process as a module without prefix',
  found,
  globalFaults,
  'ssh/a.ts',
  "import { env } from 'process';",
  1,
);
test(
  'process in cli',
  fine,
  globalFaults,
  'cli/a.ts',
  "import process from 'node:process';\nprocess.exit(0);",
);
test('process as a property', fine, globalFaults, 'ssh/a.ts', 'x.process.run({ process: 1, console: 2 });');
test(
  'process in a comment',
  fine,
  globalFaults,
  'ssh/a.ts',
  '// process.exit is not for us\nconst a = "process.env";',
);

test('any as a type', found, escapeFaults, 'core/a.ts', '\nlet x: any;', 2);
test('any as an assertion', found, escapeFaults, 'core/a.ts', 'const x = y as any;', 1);
test('any as an argument', found, escapeFaults, 'core/a.ts', 'const x = new Map<string, any>();', 1);
test('a silenced error', found, escapeFaults, 'core/a.ts', '// @ts-ignore\nlet x;', 1);
test('an expected error', found, escapeFaults, 'core/a.ts', 'x;\n// @ts-expect-error because\nlet x;', 2);
test('a silenced rule', found, escapeFaults, 'core/a.ts', '/* eslint-disable eqeqeq */', 1);
test(
  'the word any',
  fine,
  escapeFaults,
  'core/a.ts',
  '// Takes any text as any other.\nconst any = "as any";',
);
