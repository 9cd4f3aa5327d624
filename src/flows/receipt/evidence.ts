import type { BundleFact } from '../../bundle/facts.ts';
import type { LendingBundle } from '../../bundle/lending-bundle.ts';
import type { LockedImage } from '../../core/image.ts';
import type { Receipt } from '../../schema/receipt.ts';
import type { ErrorReport, ImportedImage } from '../../schema/reports.ts';
import type { AllowedSigners } from '../../trust/allowed-signers.ts';

/** The part of a receipt that shows during a run. */
export type Findings = Pick<
  Receipt,
  'signers' | 'trust' | 'files' | 'images' | 'targets' | 'lent' | 'unsigned' | 'built'
> & {
  readonly site?: string;
  readonly singlePass?: true;
  readonly served?: { url: string };
  readonly bundle: Omit<NonNullable<Receipt['bundle']>, 'dir' | 'media'>;
  readonly packs?: string[];
};

/** A target, as far as evidence tells of it: its images by their references. */
type WitnessedTarget = Omit<Receipt['targets'][number], 'name' | 'images'> & {
  readonly images: Map<string, ImportedImage>;
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
  readonly #targets = new Map<string, WitnessedTarget>();
  #unsigned: Receipt['unsigned'];
  #built: Receipt['built'];

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

  /** How an image fared at a target; what was said of it there before does not count any more. */
  readonly image = (target: string, image: ImportedImage): void => {
    this.#targetOf(target).images.set(image.reference, image);
  };

  /** What the file of hosts calls a target. */
  host(target: string, host: string): void {
    this.#targets.set(target, { ...this.#targetOf(target), host });
  }

  /** A target that could not be asked. */
  lost(target: string, error: ErrorReport): void {
    this.#targets.set(target, { ...this.#targetOf(target), error });
  }

  #targetOf(name: string): WitnessedTarget {
    const known = this.#targets.get(name) ?? { images: new Map<string, ImportedImage>() };
    this.#targets.set(name, known);
    return known;
  }

  /** Where images are looked for that nobody has signed. */
  unsigned(sources: readonly string[]): void {
    this.#unsigned = { sources: [...sources], images: [] };
  }

  /** What was found there. */
  found(images: readonly LockedImage[]): void {
    this.#unsigned = {
      sources: this.#unsigned?.sources ?? [],
      images: images.map(({ reference, source, manifest, config, isUnpacked }) => ({
        ...{ reference, source },
        ...(isUnpacked === true ? {} : { manifest: manifest.digest }),
        config: config.digest,
      })),
    };
  }

  /** What is being built, or was. */
  built(what: NonNullable<Receipt['built']>): void {
    this.#built = what;
  }

  /** The bundles that may lend what this one leaves out; undefined when none was given. */
  lenders(lenders: readonly LendingBundle[] | undefined): void {
    this.#lenders = lenders;
  }

  /** The carried packs that were written out; undefined when that was not asked for. */
  packs(files: readonly string[] | undefined): void {
    this.#packs = files && [...files];
  }

  /** Something of the bundle is known, if only the name of the list that was signed; or of other images, or of targets. */
  get hasSeen(): boolean {
    const images = this.#unsigned?.images.length ?? 0;
    return this.#bundle.sumsSha256 !== undefined || images + this.#targets.size > 0;
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
      targets: [...this.#targets].map(([name, { images, ...known }]) => ({
        ...{ name, ...known },
        images: [...images.values()],
      })),
      ...(this.#unsigned === undefined ? {} : { unsigned: this.#unsigned }),
      ...(this.#built === undefined ? {} : { built: this.#built }),
      ...(this.#lenders === undefined ? {} : { lent: this.#lenders.map(({ report }) => report) }),
      ...(this.#packs === undefined ? {} : { packs: this.#packs }),
    };
  }
}
