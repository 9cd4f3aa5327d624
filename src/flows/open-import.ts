import { openBundle, type OpenBundleOptions } from '../bundle/open.ts';
import { openPassingBundle } from '../bundle/passing-bundle.ts';
import type { SignedBundle } from '../bundle/signed-bundle.ts';
import type { ImageTarget } from '../core/ports.ts';
import { EarlySurvey } from './early-survey.ts';
import { imagesToBring, type DeliverableBundle, type ImportOptions } from './import.ts';
import { tellOfBases } from './retagged-bases.ts';
import { closeTargets, openMeanwhile, type FoundTarget, type MeanwhileOptions } from './targets.ts';

export interface OpenImportOptions
  extends Pick<ImportOptions, 'only' | 'retag' | 'targetsAtOnce'>, Pick<MeanwhileOptions, 'onTrouble'> {
  readonly dir: string;
  readonly found: readonly FoundTarget[];
  /** By what the bundle is judged. */
  readonly judgement: OpenBundleOptions;
  /** Images are verified while they are brought. Default: false. */
  readonly singlePass?: boolean;
  /** Told of the bundle as soon as it is open, which may be before the targets are. */
  readonly onOpened?: (bundle: DeliverableBundle) => void;
  /** See `EarlySurvey`. */
  readonly clock?: () => number;
  readonly signal: AbortSignal;
}

/** What `importBundle` needs to begin. */
export type OpenedImport = Required<Pick<ImportOptions, 'bundle' | 'targets' | 'early'>>;

/**
 * Opens a bundle and the targets of an import at the same time, and asks the targets what they have while the bundle is still being
 * verified; see `openMeanwhile` and `EarlySurvey`. Nobody is connected to before the signature was found good. When `use` has ended
 * all is closed. Throws what is wrong with the bundle, `E_IMAGE_NOT_IN_BUNDLE`, and what targets say that cannot be used.
 */
export async function withOpenedImport<T>(
  options: OpenImportOptions,
  use: (opened: OpenedImport) => Promise<T>,
): Promise<T> {
  const { dir, found, judgement, targetsAtOnce, onTrouble, onOpened, clock, signal } = options;
  const passing = options.singlePass === true ? await openPassingBundle(dir, judgement) : undefined;
  try {
    const early = new EarlySurvey(targetsAtOnce, clock);
    let isJudged: () => void = () => undefined;
    const after =
      passing === undefined ? new Promise<void>((resolve) => (isJudged = resolve)) : Promise.resolve();
    const onJudged = (signed: SignedBundle): void => {
      const tell = (target: ImageTarget): void => tellOfBases(target, signed, options);
      early.begin(() => imagesToBring(signed, options).images, tell);
      isJudged();
    };
    const open = async (): Promise<DeliverableBundle> => {
      const opened = passing ?? (await openBundle(dir, { ...judgement, onJudged }));
      onOpened?.(opened);
      // Before a target's answers count: the bundle may not hold what is wanted, or what is to be renamed.
      imagesToBring(opened, options);
      return opened;
    };
    const meanwhile = { signal, atOnce: targetsAtOnce, after, onTrouble };
    const { done: bundle, targets } = await openMeanwhile(early.over(found), open, meanwhile);
    return await use({ bundle, targets, early }).finally(() => closeTargets(targets));
  } finally {
    await passing?.close();
  }
}
