import test from 'ava';
import { forge, now } from './fixtures.ts';
import { makers, newEd25519, newP256 } from './keys.ts';
import { dice, pick, splice } from './mutations.ts';
import { type Case, compareAll, type Strictness } from './oracle.ts';

/** Parts of a line of allowed_signers; those in `strictParts` are refused here on purpose. */
const names: [string, ...string[]] = [
  'builder',
  '*',
  'b?ilder',
  'other,builder',
  'build*,!ops',
  '*,!builder',
  'builder,!b*',
  '"builder"',
  ',builder',
  '!builder',
];
const options: [string, ...string[]] = [
  '',
  'namespaces="bundle@packferry"',
  'Namespaces="git,bundle@*"',
  'namespaces="git"',
  'namespaces="*,!bundle@packferry"',
  'namespaces="!git,*"',
  'namespaces="bundle@packferr?"',
  'namespaces=""',
  'namespaces="bundle@packferry',
  'namespaces=bundle@packferry',
  'namespaces="*",namespaces="*"',
  'namespaces="*",',
  ',namespaces="*"',
  'valid-after="20261123120000Z"',
  'valid-after="20261123120001Z"',
  'valid-before="20261123120000Z"',
  'valid-before="20261123115959Z"',
  'valid-after="20261120",valid-before="202611251200"',
  'valid-before="20261122"',
  'VALID-AFTER="20260101Z",valid-before="20270101Z"',
  'valid-after="20270101Z",valid-before="20260101Z"',
  'valid-after="20260101Z",valid-before="20260101Z"',
  'valid-after="20260230Z"',
  'valid-after="20260101z"',
  'valid-after="20261301Z"',
  'valid-after="2026"',
  'valid-after=""',
  'valid-after="20260101Z" ,namespaces="*"',
  'cert-authority',
  'cert-authority,namespaces="*"',
  'no-touch-required',
  'command="x"',
];
const keyTexts = (own: string, other: string): [string, ...string[]] => [
  own,
  `${own} a comment`,
  `${own}\r`,
  other,
  own.slice(0, -4),
  own.slice(0, -1),
  own.replace('ssh-ed25519', 'ED25519'),
  own.replace('ssh-ed25519', 'ecdsa-sha2-nistp256'),
  own.replace('ssh-ed25519 ', ''),
  'ssh-ed25519',
  '',
];

const strictParts: readonly (readonly [string, Strictness])[] = [
  ['"builder"', 'names are clean: no quotes, no NULs, no empty patterns'],
  [',builder', 'names are clean: no quotes, no NULs, no empty patterns'],
  ['namespaces="*",', 'options stand alone, each once'],
  [',namespaces="*"', 'options stand alone, each once'],
  ['valid-after="20260230Z"', 'times are real ones'],
  ['valid-after="20260101z"', 'times are real ones'],
];

const key = newEd25519();
const signature = forge(key);

function lineCase(parts: readonly string[]): Case[] {
  const line = parts.filter((part) => part !== '').join(' ');
  // Nobody claims a name here: a line that does not stand for "builder" is another one's line.
  if (/^(!builder|\*,!builder|builder,!b\*) /.test(line)) return [];
  const reason = strictParts.find(([part]) => line.includes(part))?.[1];
  return [{ name: line, signature, allowed: `${line}\n`, ...(reason === undefined ? {} : { reason }) }];
}

test('lines of allowed_signers get the verdict of ssh-keygen', async (t) => {
  const roll = dice(3);
  const texts = keyTexts(key.line, newEd25519().line);
  const cases = [
    ...names.flatMap((name) => lineCase([name, key.line])),
    ...options.flatMap((option) => lineCase(['builder', option, key.line])),
    ...texts.flatMap((text) => lineCase(['builder', text])),
    ...Array.from({ length: 140 }, () =>
      [names, options, texts].map((choices) => pick(choices, roll)),
    ).flatMap(lineCase),
  ];
  await compareAll(t, cases);
});

test('windows in time get the verdict of ssh-keygen, to the second', async (t) => {
  const roll = dice(5);
  const stamp = (offset: number): string => {
    const digits = new Date(now.getTime() + offset * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
    return `${pick([digits, digits.slice(0, 12), digits.slice(0, 8)], roll)}${pick(['Z', 'Z', ''], roll)}`;
  };
  const near = (): number => pick([-86_400, -60, -1, 0, 1, 60, 86_400], roll);
  const cases = Array.from({ length: 90 }, (): Case => {
    const window = [`valid-after="${stamp(near())}"`, `valid-before="${stamp(near() + roll(2) * 90_000)}"`];
    const chosen = window.slice(roll(2), 1 + roll(2)).join(',') || window.join(',');
    const at = new Date(now.getTime() + near() * 1000);
    return {
      name: `${chosen} at ${at.toISOString()}`,
      signature,
      allowed: `builder ${chosen} ${key.line}\n`,
      at,
    };
  });
  await compareAll(t, cases);
});

test('mutated lines get the verdict of ssh-keygen', async (t) => {
  const roll = dice(6);
  const line = Buffer.from(`builder namespaces="bundle@packferry",valid-after="20260101Z" ${key.line} me\n`);
  const cases = Array.from({ length: 160 }, (): Case => {
    const at = roll(line.length - 8);
    const letter = ' "\t,=!*?#xA1-\\'.charAt(roll(14));
    const allowed = splice(line, at, roll(2), letter).toString();
    const [principals = '', ...rest] = allowed.split(/[ \t]/);
    // A changed name is another one's line, and what looks like a key without one is read as options there.
    const isOther = !/^(builder|\*|[b?][u?][i?][l?][d?][e?][r?])$/.test(principals) || rest.length === 0;
    return { name: allowed, signature, allowed: isOther ? `builder ${key.line}\n` : allowed };
  });
  await compareAll(t, cases);
});

test('files of several lines and of every type of key get the verdict of ssh-keygen', async (t) => {
  const others = [newEd25519(), newP256()].map((one) => `ops ${one.line}\n`).join('');
  const cases = Object.entries(makers).flatMap(([name, make]): Case[] => {
    const one = make();
    const signed = forge(one);
    const line = `builder ${one.line}\n`;
    const expired = `old valid-before="20260101Z" ${one.line}\n`;
    return [
      { name: `${name} last`, signature: signed, allowed: `# keys\n\n${others}${line}` },
      { name: `${name} first`, signature: signed, allowed: `${line}${others}` },
      { name: `${name} not there`, signature: signed, allowed: others },
      { name: `${name} twice, once expired`, signature: signed, allowed: `${expired}${line}` },
      { name: `${name} as authority`, signature: signed, allowed: `builder cert-authority ${one.line}\n` },
    ];
  });
  await compareAll(t, cases);
});
