import {
  isCollection,
  isScalar,
  Lexer,
  Parser,
  visit,
  type Document,
  type LineCounter,
  type ParsedNode,
} from 'yaml';
import type { PackferryError } from './errors.ts';
import { limits } from './limits.ts';

/** Makes the error for what is wrong at an offset of the text. */
export type MistakeAt = (offset: number, what: string) => PackferryError;

const longScalar = 1000;

type Token = ReturnType<Parser['next']> extends Generator<infer T> ? T : never;

/**
 * The syntax tokens of a text. Throws as soon as collections nest deeper than `limits.depth`: the steps that follow are
 * recursive, and a deep text would bring down the whole process. So would one of millions of tiny parts, of which each
 * takes a hundred times its length: more than `limits.yamlParts` are an error too.
 */
export function* shallowTokens(text: string, lines: LineCounter, mistake: MistakeAt): Generator<Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let parts = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // Long scalars are one lexeme, and are taken apart by lines.
    parts += 1 + (lexeme.length < longScalar ? 0 : linesIn(lexeme));
    if (parts > limits.yamlParts) throw mistake(parser.offset, `more than ${limits.yamlParts} parts`);
    yield* parser.next(lexeme);
    // The bottom of the stack is the document itself.
    if (parser.stack.length - 1 > limits.depth) {
      throw mistake(parser.offset, `nested deeper than ${limits.depth} levels`);
    }
  }
  yield* parser.end();
}

function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** One error for each key that stands in its mapping a second time, and for each alias of what it stands in. */
export function treeMistakes(document: Document<ParsedNode>, mistake: MistakeAt): PackferryError[] {
  const faults: PackferryError[] = [];
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          faults.push(mistake(key.range?.[0] ?? 0, `the key ${JSON.stringify(key.value)} stands here twice`));
        }
        seen.add(key.value);
      }
    },
    Alias: (_, { source, range }, path) => {
      if (!path.some((outer) => isCollection(outer) && outer.anchor === source)) return;
      faults.push(mistake(range?.[0] ?? 0, `*${source} stands for what it is a part of`));
    },
  });
  return faults;
}
