import test from 'ava';

/** A service that the tests of a file share: started when the first of them asks, ended after the last. Called once a file. */
export function sharedService<S extends { readonly stop: () => Promise<void> }>(
  start: () => Promise<S>,
): () => Promise<S> {
  let started: Promise<S> | undefined;
  test.after.always('what the tests share ends', async () => {
    // A test has failed by what kept it from starting.
    const service = await started?.catch(() => undefined);
    await service?.stop();
  });
  return () => (started ??= start());
}
