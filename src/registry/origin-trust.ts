import * as tls from 'node:tls';
import { messageOf, PackferryError } from '../core/errors.ts';
import { certificateFolderNames, readHostCertificates, type HostCertificates } from './certificate-folder.ts';
import { configuredEndpoints } from './endpoint.ts';
import type { ClientCertificate, FilledOptions } from './options.ts';
import type { TlsTrust } from './http/open-socket.ts';
import type { Registry } from './transport.ts';

interface Configured {
  readonly ca: Set<string>;
  client?: ClientCertificate;
}

/**
 * Certificates by origin. An authority counts for the registry that it was set for, and where that redirects to or has
 * its token service, as for docker: an installation often has one authority for all its hosts. A client certificate is
 * shown to the one host that it was set for.
 */
export class OriginTrust {
  readonly #options: Pick<FilledOptions, 'ca' | 'certificateFolders'>;
  readonly #configured = new Map<string, Configured>();

  /** Throws `E_ENDPOINT_INVALID` when the settings name no usable host, or two client certificates for one. */
  constructor(options: FilledOptions) {
    this.#options = options;
    for (const { endpoint, isMirror, settings } of configuredEndpoints(
      options.registries,
      options.certificateFolders,
    )) {
      const known = this.#configured.get(endpoint.origin) ?? { ca: new Set() };
      this.#configured.set(endpoint.origin, known);
      if (settings.ca !== undefined) known.ca.add(settings.ca);
      if (settings.client === undefined || isMirror) continue;
      if (known.client !== undefined && known.client.cert !== settings.client.cert) {
        throw new PackferryError(
          'E_ENDPOINT_INVALID',
          `${endpoint.host}: two client certificates are set for it`,
          {
            hint: 'A host is shown one certificate, whatever the path.',
          },
        );
      }
      known.client = settings.client;
    }
  }

  /**
   * `host` is how people call the origin; `registry` is who leads there, or the origin itself. Throws `E_CREDENTIALS` for
   * certificates that are none.
   */
  async of(url: URL, host: string | undefined, registry: Registry): Promise<TlsTrust> {
    const { configured, found } = await this.#setFor(url, host);
    const leading =
      url.origin === registry.url.origin ? undefined : await this.#setFor(registry.url, registry.host);
    const sets = [configured, found, leading?.configured, leading?.found];
    const more = [...new Set([...this.#options.ca, ...sets.flatMap((set) => [...(set?.ca ?? [])])])];
    // What is set for packferry wins over what lies about on the machine.
    const client = configured?.client ?? found?.client;
    const trust = {
      ...authorities(more),
      ...(client === undefined ? {} : { cert: client.cert, key: client.key }),
    };
    try {
      tls.createSecureContext(trust);
    } catch (cause) {
      const from = configured?.client === undefined && found !== undefined ? ` in ${found.from}` : '';
      throw new PackferryError(
        'E_CREDENTIALS',
        `the certificates for ${url.host}${from} cannot be used: ${messageOf(cause)}`,
        { hint: 'They must be PEM files, the key must fit the certificate and have no passphrase.', cause },
      );
    }
    return trust;
  }

  /** What is set for an origin, and what lies on the machine for it. */
  async #setFor(
    url: URL,
    host: string | undefined,
  ): Promise<{ configured: Configured | undefined; found: HostCertificates | undefined }> {
    const names = certificateFolderNames(url, host);
    const found = await readHostCertificates(this.#options.certificateFolders, names);
    return { configured: this.#configured.get(url.origin), found };
  }
}

/** The usual authorities and these; nothing where there are no others, so that what Node was told still counts. */
export function authorities(more: readonly string[]): Pick<TlsTrust, 'ca'> {
  return more.length === 0 ? {} : { ca: [...usualAuthorities(), ...more] };
}

/** What Node trusts by itself. From 22.15 on it tells, and options such as --use-system-ca count. */
function usualAuthorities(): readonly string[] {
  const ask: unknown = Reflect.get(tls, 'getCACertificates');
  return typeof ask === 'function' ? (ask as () => readonly string[])() : tls.rootCertificates;
}
