/** Which endpoints give parts of blobs, by what their answers say (RFC 9110, section 14.3). */
export class Ranges {
  readonly #given = new Map<string, boolean>();

  /** An answer with a blob has come, which says that parts can be asked for, or does not. */
  announced(origin: string, header: string | undefined): void {
    if (header?.toLowerCase() === 'bytes' && !this.#given.has(origin)) this.#given.set(origin, true);
  }

  /** A part was asked for and something else came. */
  refused(origin: string): void {
    this.#given.set(origin, false);
  }

  /** Is it known that parts can be asked for? */
  areGiven(origin: string): boolean {
    return this.#given.get(origin) ?? false;
  }
}
