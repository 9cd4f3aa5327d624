import { silent, type Emit } from '../core/events.ts';
import { direct, type ProxySettings } from '../core/proxy.ts';
import { anonymous, type CredentialSource } from './credentials/credential.ts';

/** Settings of one registry, or of the repositories below a path of it. */
export interface RegistrySettings {
  /** `host[:port][/path-prefix]` that takes the place of the key: the key itself is not asked. */
  readonly location?: string;
  /** Hosts that are asked first, in this order: `host[:port][/path-prefix]`. The registry itself comes last. */
  readonly mirrors?: readonly string[];
  /** Speak HTTP to this registry and its mirrors. Default: only to loopback addresses that have no certificates here. */
  readonly plainHttp?: boolean;
  /** Certificate authorities in PEM form, trusted besides the usual ones by this registry and its mirrors. */
  readonly ca?: string;
  /** What the registry itself (not its mirrors) is shown when it asks for a certificate. */
  readonly client?: ClientCertificate;
}

/** In PEM form. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** All in milliseconds. */
export interface RegistryTimeouts {
  /** Name lookup, TCP and TLS together. Default: 30 s. */
  readonly connect: number;
  /** From the request to the end of the answer's headers. Default: 60 s. */
  readonly headers: number;
  /** Longest pause inside a body while the reader waits. Default: 60 s. */
  readonly body: number;
}

export interface RegistrySourceOptions {
  /**
   * Settings by registry as references name it, e.g. `docker.io` or `registry.example:5000`, perhaps with a path as
   * `docker.io/demisto`. Of several that fit an image, the longest counts.
   */
  readonly registries?: ReadonlyMap<string, RegistrySettings>;
  /** Who knows accounts and passwords. Default: nobody. */
  readonly credentials?: CredentialSource;
  /** Default: none. */
  readonly proxy?: ProxySettings;
  /** Certificate authorities in PEM form that are trusted everywhere besides the usual ones. */
  readonly ca?: readonly string[];
  /** Folders as /etc/docker/certs.d: below are folders named by host, which hold certificates. Default: none. */
  readonly certificateFolders?: readonly string[];
  /** Default: `packferry`. */
  readonly userAgent?: string;
  /** Default: 6. */
  readonly connectionsPerHost?: number;
  readonly timeouts?: Partial<RegistryTimeouts>;
  /**
   * How often a request is repeated after a connection fault or an answer that asks for patience, and how often a blob
   * is gone on with that breaks off again and again without getting ahead. Default: 5.
   */
  readonly retries?: number;
  /** Milliseconds before the first repetition; doubles each time, up to 30 s. Default: 500. */
  readonly retryDelay?: number;
  /**
   * Milliseconds that one wait may take, also when a registry asks for a longer one: that is `E_RATE_LIMITED` then.
   * Default: 10 minutes.
   */
  readonly maxWait?: number;
  /**
   * A folder that keeps manifests and configs by digest from run to run; made when it is missing. With it, registries are
   * asked by HEAD first where something is kept, and what is known is not fetched again. Default: none; every manifest is fetched.
   */
  readonly documentFolder?: string | undefined;
  /** Gets to know of waits, and of a folder that cannot be written. */
  readonly emit?: Emit;
}

/** The options with nothing left open. */
export interface FilledOptions extends Required<Omit<RegistrySourceOptions, 'documentFolder'>> {
  readonly documentFolder: string | undefined;
  readonly timeouts: RegistryTimeouts;
}

/** 10 minutes: longer than what busy registries ask for, shorter than the hours of a used-up pull limit. */
const defaultMaxWait = 600_000;

/** The one place where defaults are filled in. */
export function fillOptions(options: RegistrySourceOptions): FilledOptions {
  return {
    registries: options.registries ?? new Map<string, RegistrySettings>(),
    credentials: options.credentials ?? anonymous,
    proxy: options.proxy ?? direct,
    ca: options.ca ?? [],
    certificateFolders: options.certificateFolders ?? [],
    userAgent: options.userAgent ?? 'packferry',
    connectionsPerHost: options.connectionsPerHost ?? 6,
    timeouts: {
      connect: options.timeouts?.connect ?? 30_000,
      headers: options.timeouts?.headers ?? 60_000,
      body: options.timeouts?.body ?? 60_000,
    },
    retries: options.retries ?? 5,
    retryDelay: options.retryDelay ?? 500,
    maxWait: options.maxWait ?? defaultMaxWait,
    documentFolder: options.documentFolder,
    emit: options.emit ?? silent,
  };
}
