import path from 'node:path';
import ts from 'typescript';

/** A source file: its path below `src`, with slashes, and its text. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** The rooms in import order: a room imports from itself and from earlier levels, never from its neighbours. */
export const levels: readonly (readonly string[])[] = [
  ['core'],
  ['schema'],
  ['pack', 'archive', 'trust', 'registry', 'ssh'],
  ['bundle', 'engine'],
  ['flows'],
  ['cli'],
];

/** The whole of what `core` may import from outside. Of paths only what reads nothing but their text. */
const corePackages = ['node:buffer', 'node:crypto', 'node:path', 'node:stream', 'yaml'];

const maxLines = 350;

/** The public surface: it stands in no room and may import from all. */
const surface = 'index.ts';

/** Every import that breaks the order of the rooms, as `file:line: fault`. */
export function importFaults(source: Source): string[] {
  const room = roomOf(source.file);
  if (source.file === surface) return [];
  if (levelOf(room) < 0) return [`${source.file}:1: stands in no room`];
  return importsOf(source).flatMap(({ specifier, line }) => {
    const fault = specifier === undefined ? 'an import that is computed' : importFault(source, specifier);
    return fault === undefined ? [] : [`${source.file}:${line}: ${fault}`];
  });
}

/** Files that are too long to hold one idea. */
export function sizeFaults({ file, text }: Source): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > maxLines ? [`${file}: ${lines} lines, at most ${maxLines} are allowed`] : [];
}

/** Uses of `process` and `console` outside `cli`, which alone touches them. */
export function globalFaults(source: Source): string[] {
  if (roomOf(source.file) === 'cli') return [];
  const faults = importsOf(source)
    .filter(({ specifier }) => specifier !== undefined && /^(node:)?(process|console)$/.test(specifier))
    .map(({ specifier, line }) => `${source.file}:${line}: imports ${specifier ?? ''}`);
  visit(source, (node, line) => {
    if (!ts.isIdentifier(node) || !['process', 'console'].includes(node.text)) return;
    if (isGlobal(node)) faults.push(`${source.file}:${line}: uses ${node.text}`);
  });
  return faults;
}

/** Escape hatches out of the type checker and the linter. */
export function escapeFaults(source: Source): string[] {
  const faults = source.text.split('\n').flatMap((line, at) => {
    const found = /@ts-(ignore|expect-error|nocheck)|eslint-disable/.exec(line);
    return found === null ? [] : [`${source.file}:${at + 1}: ${found[0]}`];
  });
  visit(source, (node, line) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) faults.push(`${source.file}:${line}: any`);
  });
  return faults;
}

function importFault({ file }: Source, specifier: string): string | undefined {
  const room = roomOf(file);
  if (!specifier.startsWith('.')) {
    const isFine = room !== 'core' || corePackages.includes(specifier);
    return isFine ? undefined : `core imports ${specifier}`;
  }
  const target = path.posix.join(path.posix.dirname(file), specifier);
  const targetRoom = roomOf(target);
  if (targetRoom === room) return undefined;
  const level = levelOf(targetRoom);
  if (level < 0) return `${room} imports ${target}, which stands in no room`;
  return level < levelOf(room) ? undefined : `${room} imports ${targetRoom} (${specifier})`;
}

function roomOf(file: string): string {
  const [room = '', ...rest] = file.split('/');
  return rest.length === 0 ? '' : room;
}

function levelOf(room: string): number {
  return levels.findIndex((rooms) => rooms.includes(room));
}

/** Everything that loads a module: import and export declarations, import types, `import()` and `require()`. */
function importsOf(source: Source): { specifier: string | undefined; line: number }[] {
  const found: { specifier: string | undefined; line: number }[] = [];
  visit(source, (node, line) => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) {
      found.push({ specifier: ts.isStringLiteralLike(specifier) ? specifier.text : undefined, line });
    }
  });
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (!ts.isCallExpression(node)) return undefined;
  const { expression } = node;
  const loads =
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === 'require');
  return loads ? (node.arguments[0] ?? expression) : undefined;
}

/** Does the name stand for the global itself, and not for a property or a parameter of that name? */
function isGlobal(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return ts.isIdentifier(parent.expression) && /^(globalThis|global)$/.test(parent.expression.text);
  }
  return !(
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isMethodDeclaration(parent)) &&
    parent.name === node
  );
}

function visit({ file, text }: Source, see: (node: ts.Node, line: number) => void): void {
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const walk = (node: ts.Node): void => {
    see(node, parsed.getLineAndCharacterOfPosition(node.getStart()).line + 1);
    ts.forEachChild(node, walk);
  };
  walk(parsed);
}
