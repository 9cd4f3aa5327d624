/** The same values; the waiting for each is done by `during`. Whoever stops reading ends the reading. */
export async function* eachDuring<T>(
  values: AsyncIterable<T>,
  during: <U>(work: Promise<U>) => Promise<U>,
): AsyncGenerator<T> {
  const iterator = values[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await during(iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
