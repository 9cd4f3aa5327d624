import { isScalar, Lexer, Parser, visit, type Document, type LineCounter, type ParsedNode } from 'yaml';
import type { PackferryError } from './errors.ts';
import { limits } from './limits.ts';

/** Makes the error for what is wrong at an offset of the text. */
export type MistakeAt = (offset: number, what: string) => PackferryError;

type Token = ReturnType<Parser['next']> extends Generator<infer T> ? T : never;

/**
 * The syntax tokens of a text. Throws as soon as collections nest deeper than `limits.depth`: the steps that follow are
 * recursive, and a deep text would bring down the whole process.
 */
export function* shallowTokens(text: string, lines: LineCounter, mistake: MistakeAt): Generator<Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    // The bottom of the stack is the document itself.
    if (parser.stack.length - 1 > limits.depth) {
      throw mistake(parser.offset, `nested deeper than ${limits.depth} levels`);
    }
  }
  yield* parser.end();
}

/** One error for each key that stands in its mapping a second time. */
export function duplicateKeys(document: Document<ParsedNode>, mistake: MistakeAt): PackferryError[] {
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
  });
  return faults;
}
