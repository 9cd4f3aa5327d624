import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Writes packs of ten YAML files each, alike for the same count: four integrations and three scripts, three playbooks.
 * One item in ten carries 20 to 300 KB of code; the others have theirs beside them, as in a content repository.
 */
export function writeTree(folder: string, count: number): { readonly bytes: number } {
  let bytes = 0;
  for (let at = 0; at < count; at += 1) {
    const pack = path.join(folder, 'Packs', `Pack${Math.floor(at / 10)}`);
    const [place, text] = fileOf(at);
    const file = path.join(pack, place);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (at % 10 === 0) writeFileSync(path.join(pack, 'pack_metadata.json'), '{"currentVersion": "1.0.0"}');
    bytes += text.length;
  }
  return { bytes };
}

function fileOf(at: number): readonly [place: string, text: string] {
  const kind = at % 10;
  const name = `Item${at}`;
  const hasCode = at % 7 === 0 && at % 10 < 7;
  if (kind < 4) return [`Integrations/${name}/${name}.yml`, integration(name, at, hasCode)];
  if (kind < 7) return [`Scripts/${name}/${name}.yml`, script(name, at, hasCode)];
  return [`Playbooks/playbook-${name}.yml`, playbook(name, 5 + (at % 60))];
}

function code(at: number, pad: string): string {
  const line = `${pad}    result = demisto.executeCommand("getIncident", {"id": incident["id"], 'page': 1})  # x\n`;
  return `|-\n${line.repeat(((20 + ((at * 37) % 280)) * 1024) / line.length)}`;
}

function repeated(count: number, make: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => make(at)).join('');
}

function argument(pad: string, at: number): string {
  return [
    `${pad}- name: argument_${at}`,
    `${pad}  required: false`,
    `${pad}  description: The number of the page to start at, and a comma-separated list of fields that`,
    `${pad}    the answer is to have. "All" stands for every field.`,
    `${pad}  defaultValue: "50"`,
    '',
  ].join('\n');
}

function output(at: number): string {
  return [
    `    - contextPath: Product.Incident.field_${at}`,
    `      description: 'What the product says about it: a text.'`,
    '      type: String',
    '',
  ].join('\n');
}

function command(at: number): string {
  const list = `    arguments:\n${repeated(6, (next) => argument('    ', next))}`;
  return `  - name: product-command-${at}\n    description: Gets it.\n${list}    outputs:\n${repeated(12, output)}`;
}

const head = (name: string): string => `commonfields:\n  id: ${name}\n  version: -1\nname: ${name}\n`;

function integration(name: string, at: number, hasCode: boolean): string {
  const image = `demisto/python3:3.12.${at % 13}.${100_000 + (at % 90)}`;
  const top = `${head(name)}display: ${name}\ncategory: Utilities\ndescription: Use it to work with the product.\n`;
  const body = hasCode ? code(at, '    ') : "'-'\n";
  const commands = `  commands:\n${repeated(2 + (at % 8), command)}`;
  return `${top}script:\n  script: ${body}  type: python\n${commands}  dockerimage: ${image}\n  subtype: python3\ntests:\n- No tests\n`;
}

function script(name: string, at: number, hasCode: boolean): string {
  const image = `demisto/python3:3.11.${at % 13}.${100_000 + (at % 90)}`;
  const args = `args:\n${repeated(3, (next) => argument('', next))}`;
  const rest = `type: python\ntags:\n- transformer\ncomment: Says "done".\nenabled: true\n${args}`;
  return `${head(name)}script: ${hasCode ? code(at, '') : "''\n"}${rest}dockerimage: ${image}\nsubtype: python3\n`;
}

function task(at: number): string {
  return [
    `  "${at}":`,
    `    id: "${at}"`,
    '    type: regular',
    '    task:',
    `      id: 5a6b-${at}`,
    `      name: Task ${at}`,
    '      script: Builtin|||setIncident',
    '      iscommand: true',
    `    nexttasks:\n      '#none#':\n      - "${at + 1}"`,
    '    view: |-\n      {\n        "position": {"x": 50, "y": 1000}\n      }',
    '',
  ].join('\n');
}

function playbook(name: string, tasks: number): string {
  return `id: ${name}\nversion: -1\nname: ${name}\nstarttaskid: "0"\ntasks:\n${repeated(tasks, task)}inputs: []\noutputs: []\n`;
}
