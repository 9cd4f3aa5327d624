import { PackferryError } from './errors.ts';

const steps = 'KMGT';

/**
 * Reads a size in bytes, from a number or from a text such as `700MB` or `4GiB`. K, M, G and T count in thousands
 * (`4GB` and `4G` are 4,000,000,000), with an `i` in steps of 1,024 (`4GiB` and `4Gi` are 4,294,967,296), as IEC 80000-13
 * has it. Case and a space before the unit do not matter; fractions are rounded to whole bytes. Throws `E_USAGE` for
 * anything else, for zero, and for more than JavaScript can count exactly (8 PiB).
 */
export function parseSize(written: string | number): number {
  const match = /^([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*(?:([KMGT])(i?)B?|B)?$/i.exec(String(written));
  const [, amount, unit, binary] = match ?? [];
  if (amount === undefined) throw invalid(written, 'no size');
  const power = unit === undefined ? 0 : steps.indexOf(unit.toUpperCase()) + 1;
  const bytes = Math.round(Number(amount) * (binary ? 1024 : 1000) ** power);
  if (bytes < 1) throw invalid(written, 'less than one byte');
  if (!Number.isSafeInteger(bytes)) throw invalid(written, 'too large a size');
  return bytes;
}

function invalid(written: string | number, what: string): PackferryError {
  return new PackferryError('E_USAGE', `${JSON.stringify(written)} is ${what}`, {
    hint: 'Write it in bytes or with a unit, for instance 4GiB (1,024 based) or 700MB (1,000 based).',
  });
}

/** A size for people: whole bytes below 1 KiB (`512 B`), otherwise one decimal (`1.2 MiB`). */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = units.shift() ?? '';
  // 1023.95 would be shown as 1024.0: the next unit is meant.
  while (value >= 1023.95 && units.length > 0) {
    value /= 1024;
    unit = units.shift() ?? unit;
  }
  return `${value.toFixed(1)} ${unit}`;
}
