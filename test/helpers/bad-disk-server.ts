// A file system of one folder with bad sectors: serves FOLDER at MOUNT by the kernel's own protocol for file systems in user
// space, and refuses with EIO to read what BAD names. Arguments: FOLDER MOUNT BAD, where BAD is JSON: a list of
// [file, from, to], `to` not included. Says "ready" once it is mounted; ends when it is unmounted.
// https://www.kernel.org/doc/html/latest/filesystems/fuse.html, struct layouts: include/uapi/linux/fuse.h
import { spawn } from 'node:child_process';
import { closeSync, lstatSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import process from 'node:process';

const [folder = '', mount = '', badText = '[]'] = process.argv.slice(2);
const bad = JSON.parse(badText) as [string, number, number][];
const { EIO, ENOENT, ENOSYS } = constants.errno;

const op = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  open: 14,
  read: 15,
  release: 18,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  interrupt: 36,
  batchForget: 42,
} as const;

/** Paths relative to the folder by node number; 1 is the root. */
const nodes: string[] = ['', ''];

function nodeOf(name: string): number {
  const known = nodes.indexOf(name, 2);
  return known >= 0 ? known : nodes.push(name) - 1;
}

function attributes(node: number): Buffer {
  const stats = lstatSync(path.join(folder, nodes[node] ?? ''));
  const attr = Buffer.alloc(88);
  attr.writeBigUInt64LE(BigInt(node), 0);
  attr.writeBigUInt64LE(BigInt(stats.size), 8);
  attr.writeBigUInt64LE(BigInt(Math.ceil(stats.size / 512)), 16);
  const seconds = BigInt(Math.floor(stats.mtimeMs / 1000));
  for (const at of [24, 32, 40]) attr.writeBigUInt64LE(seconds, at);
  attr.writeUInt32LE(stats.isDirectory() ? 0o040555 : 0o100444, 60);
  attr.writeUInt32LE(1, 64);
  attr.writeUInt32LE(4096, 80);
  return attr;
}

/** What is answered to one request: its content, or the number of an error. */
function answer(opcode: number, node: number, body: Buffer): Buffer | number {
  switch (opcode) {
    case op.init: {
      const out = Buffer.alloc(64);
      out.writeUInt32LE(7, 0);
      out.writeUInt32LE(31, 4);
      out.writeUInt32LE(128 * 1024, 8);
      out.writeUInt32LE(128 * 1024, 20);
      out.writeUInt32LE(1, 24);
      return out;
    }
    case op.lookup: {
      const name = path.join(nodes[node] ?? '', body.subarray(0, body.indexOf(0)).toString());
      if (lstatSync(path.join(folder, name), { throwIfNoEntry: false }) === undefined) return ENOENT;
      const out = Buffer.alloc(128);
      out.writeBigUInt64LE(BigInt(nodeOf(name)), 0);
      attributes(nodeOf(name)).copy(out, 40);
      return out;
    }
    case op.getattr:
      return Buffer.concat([Buffer.alloc(16), attributes(node)]);
    case op.open:
    case op.opendir:
      return Buffer.alloc(16);
    case op.release:
    case op.releasedir:
    case op.flush:
      return Buffer.alloc(0);
    case op.read:
      return content(nodes[node] ?? '', Number(body.readBigUInt64LE(8)), body.readUInt32LE(16));
    case op.readdir:
      return Number(body.readBigUInt64LE(8)) > 0 ? Buffer.alloc(0) : entries(nodes[node] ?? '');
    default:
      return ENOSYS;
  }
}

function content(name: string, from: number, size: number): Buffer | number {
  if (bad.some(([file, start, end]) => file === name && from < end && start < from + size)) return EIO;
  const bytes = Buffer.alloc(size);
  const fd = openSync(path.join(folder, name), 'r');
  const length = readSync(fd, bytes, 0, size, from);
  closeSync(fd);
  return bytes.subarray(0, length);
}

function entries(name: string): Buffer {
  const list = readdirSync(path.join(folder, name));
  return Buffer.concat(
    list.map((entry, at) => {
      const text = Buffer.from(entry);
      const out = Buffer.alloc(24 + Math.ceil(text.length / 8) * 8);
      out.writeBigUInt64LE(BigInt(nodeOf(path.join(name, entry))), 0);
      out.writeBigUInt64LE(BigInt(at + 1), 8);
      out.writeUInt32LE(text.length, 16);
      text.copy(out, 24);
      return out;
    }),
  );
}

function serve(fuse: number): void {
  const request = Buffer.alloc(256 * 1024);
  for (;;) {
    const length = readSync(fuse, request);
    const [opcode, node] = [request.readUInt32LE(4), Number(request.readBigUInt64LE(16))];
    if (([op.forget, op.batchForget, op.interrupt] as number[]).includes(opcode)) continue;
    const given = answer(opcode, node, request.subarray(40, length));
    const bytes = typeof given === 'number' ? Buffer.alloc(0) : given;
    const head = Buffer.alloc(16);
    head.writeUInt32LE(16 + bytes.length, 0);
    head.writeInt32LE(typeof given === 'number' ? -given : 0, 4);
    request.copy(head, 8, 8, 16);
    writeSync(fuse, Buffer.concat([head, bytes]));
    if (opcode === op.init) writeSync(1, 'ready\n');
  }
}

const fuse = openSync('/dev/fuse', 'r+');
const options = `fd=3,rootmode=40000,user_id=0,group_id=0,ro,allow_other`;
const child = spawn('mount', ['-i', '-t', 'fuse', '-o', options, 'bad-disk', mount], {
  stdio: ['ignore', 'ignore', 'inherit', fuse],
});
child.once('exit', (status) => {
  if (status !== 0) process.exit(1);
  try {
    serve(fuse);
  } catch (fault) {
    // The system says ENODEV once the folder is unmounted.
    process.exit(fault instanceof Error && fault.message.startsWith('ENODEV') ? 0 : 1);
  }
});
