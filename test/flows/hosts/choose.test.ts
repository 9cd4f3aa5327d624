import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { chooseHosts, type HostChoice } from '../../../src/flows/hosts/choose.ts';
import { parseHosts } from '../../../src/flows/hosts/read-hosts.ts';
import { noting } from '../../helpers/ssh-user.ts';

const hosts = parseHosts(
  '[apps]\napp[1:3]\n[engines]\nengine[1:2].east\nengine3.west\n[east]\napp1\nengine[1:2].east\n',
  'hosts',
  noting().emit,
);

const chosen = test.macro({
  exec(t: ExecutionContext, choice: HostChoice, names: string) {
    t.is(
      chooseHosts(hosts, choice)
        .map(({ name }) => name)
        .join(' '),
      names,
    );
  },
  title: (_, choice) => `chosen by ${JSON.stringify(choice)}`,
});
const all = 'app1 app2 app3 engine1.east engine2.east engine3.west';
test(chosen, {}, all);
test(chosen, { limit: 'all' }, all);
test(chosen, { groups: ['apps'] }, 'app1 app2 app3');
test(chosen, { groups: ['apps', 'east'] }, 'app1 app2 app3 engine1.east engine2.east');
test(chosen, { limit: 'app2' }, 'app2');
test(chosen, { limit: 'app?:!app2' }, 'app1 app3');
test(chosen, { limit: 'engines:&east' }, 'engine1.east engine2.east');
test(chosen, { limit: '!engines' }, 'app1 app2 app3');
test(chosen, { limit: '!app1,east,*.west' }, 'engine1.east engine2.east engine3.west');
test(chosen, { groups: ['engines'], limit: 'e*:!engine1*' }, 'engine2.east engine3.west');

const refused = test.macro({
  exec(t: ExecutionContext, choice: HostChoice, message: RegExp, hint?: RegExp) {
    const error = t.throws(() => chooseHosts(hosts, choice), { instanceOf: PackferryError });
    t.is(error.code, 'E_USAGE');
    t.regex(error.message, message);
    t.regex(error.hint ?? '', hint ?? /./);
  },
  title: (_, choice) => `refused: ${JSON.stringify(choice)}`,
});
test(refused, { groups: ['app'] }, /--group "app"/, /Did you mean apps/);
test(refused, { limit: 'app9' }, /"app9"/, /Did you mean app/);
// Ansible would go on, and spare nobody.
test(refused, { limit: 'apps:!ap1' }, /"ap1"/, /Did you mean app1/);
test(refused, { limit: 'apps:!apps' }, /no host is left/);
test(refused, { limit: 'apps::app1' }, /a pattern is empty/);
test(refused, { limit: '~app.*' }, /regular expressions/);
test(refused, { limit: 'apps[0]' }, /positions/);
test(refused, { limit: '@retry' }, /lists in files/);
test(refused, { limit: 'app[1' }, /"\[" is not closed/);
