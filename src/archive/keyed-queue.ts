/** Runs work in turn per key: pieces of work under one key wait for each other, others do not. */
export type KeyedQueue = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Makes a queue that forgets a key as soon as nothing waits for it. */
export function keyedQueue(): KeyedQueue {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve();
    // The next one goes on whatever became of the one before, whose caller hears of its fault.
    const turn = before.then(work, work);
    last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (last.get(key) === turn) last.delete(key);
    }
  };
}
