import { PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import type { ImportedImage, TargetReport } from '../../schema/reports.ts';
import { count } from './plural.ts';
import { table } from './table.ts';

/** What commands that deliver report. */
interface DeliveryReport {
  readonly targets: readonly TargetReport[];
  readonly dryRun: boolean;
}

/** How every image fared at every target. */
export function deliveryTable({ targets, dryRun }: DeliveryReport): string {
  return targets
    .map(({ name, images, error }) => {
      if (error !== undefined) return `${name}\nnothing was sent: ${error.message}`;
      const rows = table(images, [
        { title: 'STATUS', value: ({ status }) => (status === 'pending' && dryRun ? 'would load' : status) },
        {
          title: dryRun ? 'TO SEND' : 'SENT',
          align: 'right',
          value: ({ bytesSent, bytesMissing = bytesSent }) => formatSize(bytesMissing),
        },
        { title: 'IMAGE', value: nameIn },
      ]);
      return targets.length === 1 ? rows : `${name}\n${rows}`;
    })
    .join('\n\n');
}

/** One line per target; `what` went there. */
export function deliverySummary(what: string, { targets, dryRun }: DeliveryReport): string[] {
  return targets.map(({ name, images, error }) => {
    if (error !== undefined) return `${what} to ${name}: nothing was sent, it could not be asked.`;
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
