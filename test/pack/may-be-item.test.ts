import test from 'ava';
import { mayBeItem } from '../../src/pack/may-be-item.ts';

const says = test.macro((t, text: string, answer: boolean) => {
  t.is(mayBeItem(text), answer);
});

test('script in the first column', says, 'name: x\nscript: y\n', true);
test('script on the first line', says, 'script: y\n', true);
test('after CRLF', says, 'name: x\r\nscript:\r\n  type: python\r\n', true);
test('after lone carriage returns', says, 'name: x\rscript: y\r', true);
test('space before the colon', says, 'name: x\nscript : y\n', true);
test('nothing after the colon', says, 'script:', true);
test('double quotes', says, 'name: x\n"script": y\n', true);
test('escapes in quotes', says, 'name: x\n"s\\u0063ript": y\n', true);
test('single quotes', says, "name: x\n'script': y\n", true);
test('an explicit key', says, 'name: x\n? script\n: y\n', true);
test('a tagged key', says, 'name: x\n!!str script: y\n', true);
test('an anchored key', says, 'name: x\n&k script: y\n', true);
test('an alias as key', says, 'name: &k script\n*k : y\n', true);
test('a merge key', says, 'base: &b\n  script: y\n<<: *b\n', true);
test('JSON', says, '{"name": "x", "script": "y"}', true);
test('JSON over lines', says, '{\n  "name": "x",\n  "script": "y"\n}', true);
test('an indented outermost mapping', says, '  name: x\n  script: y\n', true);
test(
  'an indented one below comments and a marker',
  says,
  '# c\n\n---\n  # c\n  name: x\n  script: y\n',
  true,
);
test('tabs before a flow mapping', says, '\t{script: y}', true);
test('content behind the document marker', says, '--- {script: y}\n', true);
test('a directive', says, '%YAML 1.1\n---\nname: x\n', true);

test('a playbook with scripts in its tasks', says, 'id: x\ntasks:\n  "0":\n    script: y\n', false);
test('script as part of a longer key', says, 'name: x\nscripttarget: 0\ndescription: script: y\n', false);
test('nothing', says, '', false);
test('only comments', says, '# script: x\n', false);
test('a document marker alone', says, '---\nname: x\n', false);

test('fifty thousand blank lines take no time that grows with their square', (t) => {
  t.false(mayBeItem(`${'\n'.repeat(50_000)}name: x\n`));
  t.false(mayBeItem(`${'# c\n'.repeat(50_000)}name: x\n`));
});
