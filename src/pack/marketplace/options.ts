import { PackferryError } from '../../core/errors.ts';
import { direct, type ProxySettings } from '../../core/proxy.ts';
import { silent, type Emit } from '../../core/events.ts';

/** All in milliseconds. */
export interface MarketplaceTimeouts {
  /** Name lookup, TCP and TLS together. Default: 30 s. */
  readonly connect: number;
  /** From the request to the end of the answer's headers. Default: 60 s. */
  readonly headers: number;
  /** Longest pause inside a body. Default: 60 s. */
  readonly body: number;
}

export interface MarketplaceOptions {
  /** Where `index.zip` and the packs lie. Default: the public marketplace of XSOAR. */
  readonly baseUrl?: string;
  /** Folder for what was downloaded, kept from run to run. It is made when it is missing. */
  readonly cacheDir: string;
  /** Default: `packferry`. */
  readonly userAgent?: string;
  /** Certificate authorities in PEM form, trusted besides the usual ones. */
  readonly ca?: string;
  /** Default: none. */
  readonly proxy?: ProxySettings;
  /** Stops everything that is done with the marketplace. */
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
  readonly timeouts?: Partial<MarketplaceTimeouts>;
  /** How often a request is repeated after a connection fault or an answer that asks for patience. Default: 5. */
  readonly retries?: number;
  /** Milliseconds before the first repetition; doubles each time, up to 30 s. Default: 500. */
  readonly retryDelay?: number;
  /** Milliseconds that one wait may take, also when the server asks for a longer one. Default: 10 minutes. */
  readonly maxWait?: number;
  /** Downloads at the same time. Default: 6. */
  readonly concurrency?: number;
}

/** The options with nothing left open. */
export interface FilledOptions {
  readonly baseUrl: URL;
  readonly cacheDir: string;
  readonly userAgent: string;
  readonly ca: string | undefined;
  readonly proxy: ProxySettings;
  readonly signal: AbortSignal | undefined;
  readonly emit: Emit;
  readonly timeouts: MarketplaceTimeouts;
  readonly retries: number;
  readonly retryDelay: number;
  readonly maxWait: number;
  readonly concurrency: number;
}

/** The public bucket that XSOAR servers take their packs from. */
export const publicMarketplace = 'https://marketplace-dist.storage.googleapis.com/content/packs';

/** The one place where defaults are filled in. Throws `E_ENDPOINT_INVALID`. */
export function fillOptions(options: MarketplaceOptions): FilledOptions {
  return {
    baseUrl: parseBase(options.baseUrl ?? publicMarketplace),
    cacheDir: options.cacheDir,
    userAgent: options.userAgent ?? 'packferry',
    ca: options.ca,
    proxy: options.proxy ?? direct,
    signal: options.signal,
    emit: options.emit ?? silent,
    timeouts: {
      connect: options.timeouts?.connect ?? 30_000,
      headers: options.timeouts?.headers ?? 60_000,
      body: options.timeouts?.body ?? 60_000,
    },
    retries: options.retries ?? 5,
    retryDelay: options.retryDelay ?? 500,
    maxWait: options.maxWait ?? 600_000,
    concurrency: options.concurrency ?? 6,
  };
}

/** Throws `E_ENDPOINT_INVALID` when this cannot be the address of a marketplace. */
export function checkMarketplaceUrl(written: string): void {
  parseBase(written);
}

/** Ends in a slash, so that relative paths lead below it. */
function parseBase(written: string): URL {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalid(`${JSON.stringify(written)} is no address of a marketplace`);
  }
  // A URL with a password is not repeated in the message.
  if (url.username !== '' || url.password !== '') throw invalid(`${url.host}: no user and password here`);
  if (url.search !== '' || url.hash !== '')
    throw invalid(`${url.host}: a marketplace has no query and no fragment`);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function invalid(message: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', message, {
    hint: `Name the folder that holds index.zip, as in ${publicMarketplace}.`,
  });
}
