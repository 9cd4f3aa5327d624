import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import process from 'node:process';
import { execOk, execTool } from './system-exec.ts';

/** What the way to a host in a network namespace of its own is like. */
export interface LinkOptions {
  /** The part of all packets that are lost, in each direction: 0.02 is 2 %. Default: none. */
  readonly loss?: number;
  /** Of each direction, as tc has it: `32mbit`. Default: what the machine can do. */
  readonly rate?: string;
}

/**
 * A pair of virtual Ethernet devices into a network namespace that has no name: it and both devices are gone with the
 * last process in it, whatever happens to the tests.
 */
export interface LinkPlan {
  /** The device on this side. */
  readonly device: string;
  /** The addresses of both ends. */
  readonly here: string;
  readonly there: string;
  /** `unshare` with these options, then `setUpLink` by sh with these arguments, makes it. */
  readonly unshare: readonly string[];
  readonly args: readonly string[];
}

/** A link that is there. */
export interface Link {
  /** Bytes that went to the host so far. */
  readonly sent: () => Promise<number>;
  /** Packets that were lost so far, in both directions. */
  readonly lost: () => Promise<number>;
  /** The device of the host goes down: from now on nothing comes from there, not even a refusal. */
  readonly takeDown: () => Promise<void>;
  /** Takes the devices away. */
  readonly remove: () => Promise<void>;
}

const prefix = 'pfnet';
/** Networks of four addresses in 198.18.0.0/15, which RFC 2544 sets aside for such tests. */
const networks = 2 ** 15;

/**
 * Makes the link, from inside the new namespace; the process before it is outside. The kernel would hand over packets of
 * 64 KiB where a real line has many small ones, of which each can be lost. What the host itself may not send is tried
 * again by its TCP as if it were lost on the way.
 */
export const setUpLink = `set -e
device=$1 here=$2 there=$3 loss=$4 rate=$5 owner=$6
ip link add lan type veth peer name "$device" netns "$PPID"
outside() { nsenter --net="/proc/$PPID/ns/net" "$@"; }
outside ip link set "$device" alias "$owner"
outside ip link set "$device" gso_max_segs 1 up
outside ip address add "$here/30" dev "$device"
ip address add "$there/30" dev lan
ip link set lo up
ip link set lan gso_max_segs 1 up
if [ -n "$rate" ]; then
  tc qdisc add dev lan root tbf rate "$rate" burst 32k limit 64k
  outside tc qdisc add dev "$device" root tbf rate "$rate" burst 32k limit 64k
fi
if [ "$loss" != 0 ]; then
  for chain in INPUT OUTPUT; do
    iptables -w -A "$chain" -m statistic --mode random --probability "$loss" -j DROP
  done
fi
shift 6
`;

/** A link that nothing else on this machine has. */
export function planLink({ loss = 0, rate = '' }: LinkOptions = {}): LinkPlan {
  removeLeft();
  for (;;) {
    const number = randomInt(networks);
    const device = `${prefix}${number.toString(16)}`;
    if (existsSync(`/sys/class/net/${device}`)) continue;
    const here = addressOf(number * 4 + 1);
    const there = addressOf(number * 4 + 2);
    const args = [device, here, there, String(loss), rate, `packferry ${process.pid}`];
    return { device, here, there, unshare: ['--net'], args };
  }
}

function addressOf(number: number): string {
  return [198, 18 + (number >> 16), (number >> 8) & 255, number & 255].join('.');
}

/** The link of this plan, once the process with this number runs behind it. */
export function linkOf({ device }: LinkPlan, pid: number): Link {
  const there = (...command: readonly string[]): Promise<string> =>
    execOk('nsenter', [`--net=/proc/${pid}/ns/net`, ...command]);
  return {
    sent: async () => Number(await readFile(`/sys/class/net/${device}/statistics/tx_bytes`, 'utf8')),
    lost: async () => {
      const told = await there('iptables', '-w', '-n', '-v', '-x', '-L');
      const counts = [...told.matchAll(/^\s*(\d+)\s+\d+\s+DROP/gm)].map(([, count]) => Number(count));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    takeDown: async () => {
      await there('ip', 'link', 'set', 'lan', 'down');
    },
    // Gone already where no process is left there.
    remove: async () => {
      await execTool('ip', ['link', 'delete', device]);
    },
  };
}

/** Takes away the devices of killed test runs of which some process still lives. */
function removeLeft(): void {
  for (const device of readdirSync('/sys/class/net')) {
    if (!device.startsWith(prefix)) continue;
    try {
      const [, pid = ''] = readFileSync(`/sys/class/net/${device}/ifalias`, 'utf8').trim().split(' ');
      // A device that nobody has signed yet is being made.
      if (pid !== '' && !existsSync(`/proc/${pid}`)) execFileSync('ip', ['link', 'delete', device]);
    } catch {
      // Just gone by itself.
    }
  }
}

let found: boolean | undefined;

/** Does this machine allow namespaces with links that lose packets and have a rate? Tried once. */
export function hasNetworkNamespaces(): boolean {
  found ??= tryLink();
  return found;
}

function tryLink(): boolean {
  const foreign = Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith(prefix))
    .flatMap(([, addresses = []]) => addresses);
  if (process.getuid?.() !== 0 || foreign.some(({ address }) => /^198\.1[89]\./.test(address))) return false;
  try {
    const { unshare, args } = planLink({ loss: 0.5, rate: '32mbit' });
    execFileSync('unshare', [...unshare, '--', 'sh', '-c', setUpLink, 'sh', ...args], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
