/** The name of a lock file, beside its manifest unless the user says otherwise. */
export const lockFileName = 'packferry.lock.json';

/** Kinds of signing keys that `keygen` makes. */
export const keyTypes = ['ed25519', 'ecdsa-p256'] as const;
export type KeyType = (typeof keyTypes)[number];
