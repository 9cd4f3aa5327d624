import path from 'node:path';
import { mkdir, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { parseSshEndpoint } from '../../../src/engine/ssh-endpoint.ts';
import { endpointsOf } from '../../../src/flows/hosts/endpoints.ts';
import { parseHosts, readHosts } from '../../../src/flows/hosts/read-hosts.ts';
import { withFolder } from '../../helpers/bundle-fixture.ts';
import { noting } from '../../helpers/ssh-user.ts';

const parse = (text: string, emit = noting().emit) => parseHosts(text, 'hosts', emit);
const urls = (text: string): string[] => endpointsOf(parse(text), 'hosts').map(({ url }) => url);

/** The mistakes that are found, as `line:column message`. */
function mistakesOf(t: ExecutionContext, text: string): string[] {
  const error = t.throws(() => endpointsOf(parse(text), 'hosts'), { instanceOf: PackferryError });
  t.is(error.code, 'E_HOSTS_INVALID', error.message);
  const errors = error.errors.length === 0 ? [error] : error.errors;
  return errors.map(({ message }) => message.replace(/^hosts:/, ''));
}

const own = `schema: packferry.hosts/v1
defaults: { user: root, port: 2222 }
hosts:
  app2: { address: 10.0.0.2, port: 22 }
  lone.example:
groups:
  apps: { hosts: [app1, app2] }
  engines:
    hosts: ['engine[08:10].example']
    engine: podman
    as: demisto
  everything: { children: [apps, engines], socket: /run/x.sock }
`;

const ini = `# the app servers
lone.example

[apps]
app1 ansible_host=app1  # in the cellar
app2:22 ansible_host="10.0.0.2"

[engines]
engine[08:10].example

[engines:vars]
packferry_engine = podman
packferry_as = demisto

[everything:children]
apps
engines

[everything:vars]
packferry_socket=/run/x.sock
[all:vars]
ansible_user='root'
ansible_port=2222
some_list=["a", "b"]
`;

const yaml = `all:
  vars: { ansible_user: root, ansible_port: 2222 }
  hosts:
    lone.example:
  children:
    everything:
      vars: { packferry_socket: /run/x.sock, unknown: { deep: [1] } }
      children:
        apps:
          hosts:
            app1:
            app2: { ansible_host: 10.0.0.2, ansible_port: 22 }
        engines:
          hosts:
            engine[08:10].example:
          vars: { packferry_engine: podman, packferry_as: demisto }
`;

for (const [form, text] of Object.entries({ own, ini, yaml })) {
  test(`${form}: the same hosts come of each form, groups before hosts`, (t) => {
    const query = '?engine=podman&as=demisto&socket=/run/x.sock';
    t.deepEqual(urls(text).sort(), [
      'ssh://root@10.0.0.2:22?socket=/run/x.sock',
      'ssh://root@app1:2222?socket=/run/x.sock',
      `ssh://root@engine08.example:2222${query}`,
      `ssh://root@engine09.example:2222${query}`,
      `ssh://root@engine10.example:2222${query}`,
      'ssh://root@lone.example:2222',
    ]);
    for (const url of urls(text)) t.is(parseSshEndpoint(url.slice('ssh:'.length)).name, url);
    const groups = new Map(parse(text).map((host) => [host.name, [...host.groups].sort()]));
    t.deepEqual(groups.get('app1'), ['all', 'apps', 'everything']);
    t.deepEqual(groups.get('lone.example'), ['all', 'ungrouped']);
  });
}

test('the nearer group counts for more, groups of one depth by name', (t) => {
  const text = `[b]\nh\n[a]\nh\n[a:vars]\nansible_user=a\n[b:vars]\nansible_user=b\n[deep:children]\nz\n[z]\ni\n[deep:vars]\nansible_user=deep\n[z:vars]\nansible_user=z\n`;
  t.deepEqual(urls(text), ['ssh://b@h', 'ssh://z@i']);
});

test('of groups that are equally near, the one with the higher priority counts for more, and after that names', (t) => {
  const inIni =
    '[a]\nh\n[b]\nh\n[c]\nh\n[a:vars]\nansible_user=a\nansible_group_priority=10\n[b:vars]\nansible_user=b\n[c:vars]\nansible_user=c\nansible_group_priority=-2\nansible_port=7\n';
  const inYaml = `a: { hosts: { h: }, vars: { ansible_user: a, ansible_group_priority: 10 } }
b: { hosts: { h: }, vars: { ansible_user: b } }
c: { hosts: { h: }, vars: { ansible_user: c, ansible_group_priority: -2, ansible_port: 7 } }
`;
  for (const text of [inIni, inYaml]) t.deepEqual(urls(text), ['ssh://a@h:7']);
  // A group that is nearer counts for more all the same.
  const deeper =
    '[p:children]\nc\n[c]\nh\n[p:vars]\nansible_user=p\nansible_group_priority=99\n[c:vars]\nansible_user=c\n';
  t.deepEqual(urls(deeper), ['ssh://c@h']);
});

test('YAML: merge keys bring what does not stand there itself, the first of several counts', (t) => {
  const text = `all:
  hosts:
    one: &one { ansible_user: root, ansible_port: 22 }
    two: { ansible_port: 2200, <<: *one }
    three: { <<: [&more { ansible_user: soc }, *one] }
  children:
    g: { hosts: { four: { <<: *more } } }
`;
  t.deepEqual(urls(text), [
    'ssh://root@one:22',
    'ssh://root@two:2200',
    'ssh://soc@three:22',
    'ssh://soc@four',
  ]);
});

test('a port may stand behind a name, also of IPv6, in each form of Ansible', (t) => {
  const wanted = ['ssh://[2001:db8::1]', 'ssh://[2001:db8::2]:2222', 'ssh://h:22', 'ssh://own:23'];
  const names = ['2001:db8::1', '[2001:db8::2]:2222', 'h:22', 'own:22'];
  const inIni = names.map((name) => (name === 'own:22' ? `${name} ansible_port=23` : name));
  t.deepEqual(urls(`[g]\n${inIni.join('\n')}\n`), wanted);
  const inYaml = names.map((name) => `    "${name}":${name === 'own:22' ? ' { ansible_port: 23 }' : ''}`);
  t.deepEqual(urls(`g:\n  hosts:\n${inYaml.join('\n')}\n`), wanted);
});

test('variables in folders beside the file are not read, and it is said', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'hosts.ini');
    await writeFile(file, 'app1\n');
    const before = noting();
    await readHosts(file, before.emit);
    t.is(before.notes(), '');
    await mkdir(path.join(folder, 'group_vars'));
    const after = noting();
    await readHosts(file, after.emit);
    t.true(after.notes().includes(`${folder}/group_vars: variables there are not read`), after.notes());
    const error = await t.throwsAsync(readHosts(folder, after.emit), { instanceOf: PackferryError });
    t.is(error.code, 'E_HOSTS_UNREADABLE');
    t.regex(error.hint ?? '', /ansible-inventory -i INVENTORY --list --yaml/);
  });
});

test('become is sudo there; what is said for packferry counts for more', (t) => {
  const lines = [
    'a ansible_become=yes',
    'b ansible_become=true ansible_become_user=demisto',
    'c ansible_become=1 packferry_sudo=no',
    'd ansible_become=on packferry_as=other',
    'e ansible_become_user=demisto',
    'f ansible_connection=local packferry_engine=podman packferry_as=demisto',
    'g ansible_connection=local',
  ];
  t.deepEqual(urls(`${lines.join('\n')}\n`), [
    ...['ssh://a?sudo', 'ssh://b?as=demisto', 'ssh://c', 'ssh://d?as=other', 'ssh://e'],
    ...['podman:?as=demisto', 'docker:'],
  ]);
});

test('ranges: widths, steps, letters, several in one name', (t) => {
  const names = (text: string): string[] => parse(`${text}\n`).map(({ name }) => name);
  t.deepEqual(names('e[1:3]'), ['e1', 'e2', 'e3']);
  t.deepEqual(names('e[001:003:2].x'), ['e001.x', 'e003.x']);
  t.deepEqual(names('[a:b][1:2]'.replace('[a', 'n[a')), ['na1', 'na2', 'nb1', 'nb2']);
  t.deepEqual(names('db-[a:c]:2200'), ['db-a', 'db-b', 'db-c']);
  t.is(parse('e[0001:9999]\n').length, 9999);
});

test('passwords are not read, not told, and it is said; so are settings of SSH', (t) => {
  const { emit, notes } = noting();
  const secrets = ['hunter22', 'b3come', 'sshp4ss'];
  const text = `[all:vars]\nansible_password=hunter22\nh_secret=x\n[apps]\napp1 ansible_ssh_pass=sshp4ss ansible_become_pass='b3come' ansible_ssh_private_key_file=~/k\n`;
  const hosts = parse(text, emit);
  t.regex(notes(), /ansible_password/);
  t.regex(notes(), /ansible_ssh_private_key_file/);
  for (const secret of secrets) t.false(`${notes()}${JSON.stringify(hosts)}`.includes(secret));
});

test('a mistake in a line with a password does not repeat it', (t) => {
  for (const text of [
    'h ansible_password=hunter22 nonsense\n',
    "h ansible_password='hunter22 x\n",
    '[all:vars]\nansible_password hunter22\n',
    'h:hunter22\n',
    'all:\n  hosts:\n    h: {ansible_password: hunter22, ansible_port: none}\n',
    '[all:vars]\nansible_user=hunter22 # no comment here\n',
    '[g:children]\nh ansible_password=hunter22\n',
  ]) {
    const told = mistakesOf(t, text).join('\n');
    t.false(told.includes('hunter22'), told);
  }
});

const refuses = test.macro({
  exec(t: ExecutionContext, text: string, ...wanted: readonly RegExp[]) {
    const mistakes = mistakesOf(t, text);
    t.is(mistakes.length, wanted.length, mistakes.join('\n'));
    for (const [at, pattern] of wanted.entries()) t.regex(mistakes[at] ?? '', pattern);
  },
  title: (what) => `refused: ${what}`,
});

test(
  'every mistake of an inventory at once, with its place',
  refuses,
  '[apps]\napp1 ansible_port=99999\n  app2 ansible_become=perhaps packferry_engin=x\n[apps:nonsense]\n[more:children]\napp\n[gone:vars]\n[open\n',
  /^2:6: ansible_port is no port from 1 to 65535 \(99999\)/,
  /^3:8: ansible_become is neither yes nor no/,
  /^3:31: unknown variable "packferry_engin": there are packferry_engine/,
  /^4:1: no section/,
  /^6:1: there is no group app; did you mean apps\?/,
  /^7:1: there is no group gone/,
  /^8:1: no section/,
);
test(
  'the same in YAML',
  refuses,
  'all:\n  hosts: [a]\n  var: {}\n  children:\n    apps:\n      hosts:\n        app1: { ansible_port: x, ansible_user: "{{ me }}" }\n        app[3:1]:\n',
  /^2:10: hosts must be a mapping/,
  /^3:3: unknown key in a group; did you mean "vars"\?/,
  /^7:17: ansible_port is no port/,
  /^7:34: ansible_user is a template/,
  /^8:9: "app\[3:1\]": \[3:1\] ends before it begins/,
);
test(
  'the same in our own form',
  refuses,
  'schema: packferry.hosts/v1\nhost: {}\nhosts:\n  a: { prot: 22 }\n  b: { port: "22", engine: lxc }\n',
  /^2:1: unknown key "host"; did you mean "hosts"/,
  /^4:8: unknown key "prot"; did you mean "port"/,
  /^5:14: hosts\.b\.port must be a number/,
  /^5:28: hosts\.b\.engine must be docker or podman/,
);
test(
  'what the shape lets through',
  refuses,
  'schema: packferry.hosts/v1\nhosts:\n  a: { user: "a b", socket: run }\ngroups: { x: { children: [y] } }\n',
  /^3:14: user is no name of a user/,
  /^3:29: socket is no absolute path/,
  /^4:27: there is no group y/,
);
test('a schema that is missing', refuses, 'hosts:\n  a:\n', /schema is missing/);
test(
  'a schema that is newer',
  refuses,
  'schema: packferry.hosts/v2\nhosts:\n  a:\n',
  /schema must be packferry.hosts\/v1/,
);
test(
  'groups in a circle',
  refuses,
  '[a:children]\nb\n[b:children]\na\n[c:children]\nall\n',
  /^2:1: /,
  /^4:1: /,
  /^6:1: /,
);
test(
  'more hosts than there may be, before they are made',
  refuses,
  'e[1:9999][1:9999]\n',
  /^1:1: .*more than 10000 hosts/,
);
test(
  'more hosts in several ranges, told once',
  refuses,
  'e[1:9999]\nf[1:9999]\ng[1:9999]\n',
  /^2:1: more than 10000 hosts/,
);
test('an encrypted file', refuses, '$ANSIBLE_VAULT;1.1;AES256\n623132\n', /encrypted by Ansible Vault/);
test(
  'a value that is encrypted',
  refuses,
  'all:\n  hosts:\n    a:\n      ansible_host: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        6231\n',
  /^4:7: ansible_host is encrypted/,
);
test('a program', refuses, '#!/usr/bin/python3\nprint()\n', /is a program/);
test(
  'a list of plays',
  refuses,
  '---\n# site.yml\n\n- hosts: all\n  tasks: []\n',
  /is a list, perhaps of plays/,
);
test('where a plugin asks', refuses, '# cloud\nplugin: amazon.aws.aws_ec2\nregions: [x]\n', /tells a plugin/);
test(
  'what ansible-inventory prints for programs',
  refuses,
  '{"_meta": {"hostvars": {}}, "all": {"children": ["g"]}}',
  /prints for programs/,
);
test(
  'a priority that is none',
  refuses,
  '[g]\nh\n[g:vars]\nansible_group_priority=high\n',
  /^4:1: .*no whole number/,
);
test('an empty file', refuses, '# nothing\n', /no host in it/);
test(
  'a host that is not reached over SSH',
  refuses,
  'w ansible_connection=winrm\nx ansible_become=yes ansible_become_method=su\n',
  /^1:1: w: it is not reached over SSH/,
  /^2:1: x: other rights/,
);
test(
  'a name that would be an option of ssh',
  refuses,
  '-oProxyCommand=x\n',
  /^1:1: this is no name of a host/,
);
test(
  'an address that would be more than one',
  refuses,
  'h ansible_host=a@b\ni ansible_host=a?sudo\n',
  /^1:3: /,
  /^2:3: /,
);

test('a file that is not there: the one beside it is guessed', async (t) => {
  await withFolder(async (folder) => {
    await writeFile(path.join(folder, 'hosts.yml'), own);
    const { emit } = noting();
    t.is((await readHosts(path.join(folder, 'hosts.yml'), emit)).length, 6);
    const error = await t.throwsAsync(readHosts(path.join(folder, 'host.yml'), emit), {
      instanceOf: PackferryError,
    });
    t.is(error.code, 'E_HOSTS_UNREADABLE');
    t.regex(error.hint ?? '', /hosts\.yml/);
  });
});

test('a large file is read in little time', (t) => {
  const hosts = Array.from(
    { length: 9000 },
    (_, at) => `    h${at}: { ansible_user: u, ansible_port: 22, x: y }`,
  );
  t.is(parse(`all:\n  hosts:\n${hosts.join('\n')}\n`).length, 9000);
});
