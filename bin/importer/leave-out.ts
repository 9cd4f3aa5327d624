import type { Plugin } from 'esbuild';

/**
 * Packages that are built of machine code, or that only what packferry never calls would need: dockerode's sessions with
 * BuildKit. ssh2 takes its own JavaScript when a binding cannot be loaded.
 */
const packages = /\.node$|^cpu-features$|^@grpc\/|^protobufjs/;

/** dockerode's own SSH, which opens a connection for each request and checks no host key. */
const sshOfDockerode = /^\.\/ssh$/;

/** Leaves out of a program what packferry never calls and would only load. */
export const leaveOut: Plugin = {
  name: 'leave-out',
  setup: (bundler) => {
    bundler.onResolve({ filter: packages }, ({ path: name }) => ({ path: name, namespace: 'left-out' }));
    bundler.onResolve({ filter: sshOfDockerode }, ({ importer }) =>
      /\/docker-modem\/lib\/[^/]+$/.test(importer.replaceAll('\\', '/'))
        ? { path: 'docker-modem/lib/ssh', namespace: 'left-out' }
        : undefined,
    );
    bundler.onLoad({ filter: /./, namespace: 'left-out' }, ({ path: name }) => ({
      contents: contentsFor(name),
    }));
  },
};

function contentsFor(name: string): string {
  if (name.startsWith('@grpc/') || name.startsWith('protobufjs')) return '';
  const fault = `throw new Error(${JSON.stringify(`${name} is not in the program`)});`;
  // What is tried to be loaded has to fail then; what is loaded in any case, when it is called.
  return name === 'docker-modem/lib/ssh' ? `module.exports = () => { ${fault} };` : fault;
}
