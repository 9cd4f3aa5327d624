import path from 'node:path';

/** A file that may hold accounts. */
export interface AuthFilePlace {
  readonly file: string;
  /** Named by the user: it has to be there. */
  readonly named: boolean;
}

export interface PlaceOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** The user's number, where users have one. */
  readonly uid?: number | undefined;
  /** `--authfile`. */
  readonly authFile?: string | undefined;
}

/**
 * The files that may hold accounts, in the order in which they are asked; the first that knows a registry counts. A
 * file that is named, by `--authfile` or REGISTRY_AUTH_FILE, stands alone. Otherwise they are those of podman and skopeo
 * in their order (containers-auth.json(5)), whose last is docker's own.
 */
export function authFilePlaces({ environment, home, uid, authFile }: PlaceOptions): AuthFilePlace[] {
  const valueOf = (name: string): string | undefined => {
    const value = environment[name] ?? '';
    return value === '' ? undefined : value;
  };
  const named = authFile ?? valueOf('REGISTRY_AUTH_FILE');
  if (named !== undefined) return [{ file: path.resolve(named), named: true }];

  const numbered = uid === undefined ? undefined : path.join('/run/containers', String(uid));
  const runtime = valueOf('XDG_RUNTIME_DIR');
  const running = runtime === undefined ? numbered : path.join(runtime, 'containers');
  const configuration = valueOf('XDG_CONFIG_HOME') ?? path.join(home, '.config');
  const docker = valueOf('DOCKER_CONFIG') ?? path.join(home, '.docker');
  return [
    ...(running === undefined ? [] : [path.join(running, 'auth.json')]),
    path.join(configuration, 'containers', 'auth.json'),
    path.join(docker, 'config.json'),
  ].map((file) => ({ file: path.resolve(file), named: false }));
}
