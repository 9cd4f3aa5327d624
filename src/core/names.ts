/** The name of a lock file, beside its manifest unless the user says otherwise. */
export const lockFileName = 'packferry.lock.json';

/** The name of a site, as manifests and machines write it. */
export const siteNamePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Kinds of signing keys that `keygen` makes. */
export const keyTypes = ['ed25519', 'ecdsa-p256'] as const;
export type KeyType = (typeof keyTypes)[number];
