import type { BundleFact } from '../../bundle/facts.ts';
import type { LendingBundle } from '../../bundle/lending-bundle.ts';
import type { Receipt } from '../../schema/receipt.ts';
import type { ImportedImage } from '../../schema/reports.ts';
import type { AllowedSigners } from '../../trust/allowed-signers.ts';

/** The part of a receipt that shows during a run. */
export type Findings = Pick<Receipt, 'signers' | 'trust' | 'files' | 'images' | 'targets' | 'lent'> & {
  readonly site?: string;
  readonly singlePass?: true;
  readonly served?: { url: string };
  readonly bundle: Omit<Receipt['bundle'], 'dir' | 'media'>;
  readonly packs?: string[];
};

/** A policy, as far as evidence tells of it; without a name it is the one that holds where there is none. */
export interface PolicyInUse {
  readonly name: string | undefined;
  readonly sha256: string | undefined;
  readonly version: number;
}

/**
 * Gathers what becomes known during a run, so that a receipt can tell of it, wherever the run ends: told piece by piece,
 * since an error would take the rest along.
 */
export class Evidence {
  /** The user said no to what was planned. */
  isDeclined = false;
  /** The archives are checked while images are delivered from them. */
  isSinglePass = false;
  /** Where the images are given out. */
  servedAt: string | undefined;
  #site: string | undefined;
  #trust: Receipt['trust'] = { revokedKeys: [] };
  #bundle: Findings['bundle'] = {};
  #signers: Receipt['signers'] = [];
  #files: Receipt['files'] = [];
  #images: Receipt['images'] = [];
  #packs: string[] | undefined;
  #lenders: readonly LendingBundle[] | undefined;
  readonly #targets = new Map<string, ImportedImage[]>();

  /** What decided on trust. */
  trusts({ name, sha256, revoked = [] }: AllowedSigners, policy?: PolicyInUse): void {
    this.#trust = {
      ...(policy === undefined ? {} : { version: policy.version }),
      ...(policy?.name === undefined || policy.sha256 === undefined
        ? {}
        : { policy: { file: policy.name, sha256: policy.sha256 } }),
      allowedSigners: { file: name, sha256 },
      revokedKeys: revoked.map((list) => ({ file: list.name, sha256: list.sha256 })),
    };
  }

  isAt(site: string | undefined): void {
    this.#site = site;
  }

  readonly observe = (fact: BundleFact): void => {
    switch (fact.kind) {
      case 'list':
        this.#bundle = { sumsSha256: fact.sumsSha256 };
        break;
      case 'signers':
        this.#signers = fact.signers.map(({ principal, fingerprint, keyType, certificate, securityKey }) => ({
          ...{ principal, fingerprint, keyType },
          ...(certificate === undefined ? {} : { certificate }),
          ...(securityKey === undefined ? {} : { securityKey }),
        }));
        break;
      case 'document': {
        const { name, sequence, createdAt, expiresAt, audience, images } = fact.document;
        this.#bundle = {
          ...this.#bundle,
          ...{ name, sequence, createdAt },
          ...(expiresAt === undefined ? {} : { expiresAt }),
          ...(audience === undefined ? {} : { audience }),
        };
        this.#images = images.map(({ reference, manifest, config, layers }) => ({
          ...{ reference, manifest: manifest.digest, config: config.digest },
          layers: layers.map(({ digest, diffId }) => ({ digest, diffId })),
        }));
        break;
      }
      case 'witness':
        this.#images = this.#images.map((image) => {
          const said = fact.witnessed.get(image.reference);
          return said === undefined ? image : { ...image, witness: said };
        });
        break;
      case 'files':
        this.#files = [...fact.files];
    }
  };

  readonly image = (target: string, image: ImportedImage): void => {
    const images = this.#targets.get(target) ?? [];
    this.#targets.set(target, images);
    images.push(image);
  };

  /** The bundles that may lend what this one leaves out; undefined when none was given. */
  lenders(lenders: readonly LendingBundle[] | undefined): void {
    this.#lenders = lenders;
  }

  /** The carried packs that were written out; undefined when that was not asked for. */
  packs(files: readonly string[] | undefined): void {
    this.#packs = files && [...files];
  }

  /** Something of the bundle is known, if only the name of the list that was signed. */
  get hasSeen(): boolean {
    return this.#bundle.sumsSha256 !== undefined;
  }

  get findings(): Findings {
    return {
      ...(this.#site === undefined ? {} : { site: this.#site }),
      ...(this.isSinglePass ? { singlePass: true as const } : {}),
      ...(this.servedAt === undefined ? {} : { served: { url: this.servedAt } }),
      bundle: this.#bundle,
      signers: this.#signers,
      trust: this.#trust,
      files: this.#files,
      images: this.#images,
      targets: [...this.#targets].map(([name, images]) => ({ name, images })),
      ...(this.#lenders === undefined ? {} : { lent: this.#lenders.map(({ report }) => report) }),
      ...(this.#packs === undefined ? {} : { packs: this.#packs }),
    };
  }
}
