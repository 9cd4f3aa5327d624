import { PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import type { ImportedImage, TargetReport } from '../../schema/reports.ts';
import { count } from './plural.ts';
import { table } from './table.ts';
import { visible } from './visible.ts';

/** What commands that deliver report. */
interface DeliveryReport {
  readonly targets: readonly TargetReport[];
  readonly dryRun: boolean;
}

/** A target that cannot be used as it is, told while the bundle is still verified. */
export function troubleAhead(
  target: string,
  { message, hint = '' }: PackferryError,
  isTriedAgain: boolean,
): string {
  const named = message.includes(target) ? message : `${target}: ${message}`;
  const until = isTriedAgain
    ? 'There is time to put that right until the bundle is verified.'
    : 'The bundle is verified all the same.';
  return [`${named}.`, hint, until].filter((part) => part !== '').join(' ');
}

/** A target of several that cannot be used, while the others are brought their images. */
export function unusableTarget(target: string, { message, hint = '' }: PackferryError): string {
  const named = message.includes(target) ? message : `${target}: ${message}`;
  return [`${named}.`, hint, 'The other targets go on.'].filter((part) => part !== '').join(' ');
}

/** How every image fared at every target: what was sent, what was saved since it is there, and why an image failed. */
export function deliveryTable({ targets, dryRun }: DeliveryReport): string {
  return targets
    .map(({ name, images, error }) => {
      if (error !== undefined) return `${name}\n${nothing(dryRun)}: ${error.message}`;
      const rows = table(images, [
        { title: 'STATUS', value: ({ status }) => (status === 'pending' && dryRun ? 'would load' : status) },
        {
          title: dryRun ? 'TO SEND' : 'SENT',
          align: 'right',
          value: ({ bytesSent, bytesMissing = bytesSent }) => formatSize(bytesMissing),
        },
        { title: 'SAVED', align: 'right', value: ({ bytesSkipped }) => formatSize(bytesSkipped) },
        { title: 'IMAGE', value: nameIn },
      ]);
      const lines = [rows, ...images.flatMap(whyFailed)].join('\n');
      return targets.length === 1 ? lines : `${name}\n${lines}`;
    })
    .join('\n\n');
}

function nothing(dryRun: boolean): string {
  return dryRun ? 'nothing would be sent' : 'nothing was sent';
}

function whyFailed({ error }: ImportedImage): string[] {
  if (error === undefined) return [];
  const { code, message, hint } = error;
  return [`${code}: ${message}`, ...(hint === undefined ? [] : [`  hint: ${hint}`])].map(visible);
}

/** One line per target; `what` went there. */
export function deliverySummary(what: string, { targets, dryRun }: DeliveryReport): string[] {
  return targets.map(({ name, images, error }) => {
    if (error !== undefined) return `${what} to ${name}: ${nothing(dryRun)}, it could not be asked.`;
    const number = (status: ImportedImage['status']): number =>
      images.filter((image) => image.status === status).length;
    const parts = [
      dryRun ? `${number('pending')} would be loaded` : `${number('loaded')} loaded`,
      `${number('present')} already present`,
      ...(number('kept') > 0 ? [`${number('kept')} left out for the images that had their names`] : []),
      ...(number('failed') > 0 ? [`${number('failed')} failed`] : []),
      ...(!dryRun && number('pending') > 0 ? [`${number('pending')} not tried`] : []),
    ];
    return `${what} to ${name}: ${parts.join(', ')}.`;
  });
}

/** With --keep-going, some failures among successes are a partial success, and the exit status says so. */
export function sumUp(
  errors: readonly PackferryError[],
  { keepGoing }: { readonly keepGoing?: boolean },
  done: string,
  { targets }: Pick<DeliveryReport, 'targets'> = { targets: [] },
): readonly PackferryError[] {
  if (errors.length === 0 || keepGoing !== true) return errors;
  const unasked = targets.filter(({ error }) => error !== undefined).length;
  const parts = [
    ...(errors.length > unasked ? [`${count(errors.length - unasked, 'image')} could not be ${done}`] : []),
    ...(unasked > 0 ? [`${count(unasked, 'target')} could not be asked`] : []),
  ];
  return [new PackferryError('E_PARTIAL', parts.join(', '), { errors })];
}

function nameIn({ reference, deliveredAs }: ImportedImage): string {
  return deliveredAs === undefined ? reference : `${reference} as ${deliveredAs}`;
}
