// The public surface of the library. What is not named here may change without notice.

// Values
export {
  PackferryError,
  damageIn,
  errorCodes,
  type ErrorCode,
  type ErrorDetails,
  type ExitStatus,
} from './core/errors.ts';
export type {
  BundleDamage,
  DamagedFile,
  DamagedPart,
  FileResult,
  ItemOfPack,
  LostBlob,
  Loss,
  StrickenImage,
} from './core/damage.ts';
export { silent, type Emit, type Event, type Task } from './core/events.ts';
export type { Digest } from './core/digest.ts';
export { blobsOf, totalSize, type Descriptor, type Layer, type LockedImage } from './core/image.ts';
export { defaultPlatform, formatPlatform, parsePlatform, type Platform } from './core/platform.ts';
export { formatReference, parseReference, type ImageReference } from './core/reference.ts';
export { formatSize, parseSize } from './core/size.ts';

// The two ports, and what implements them
export type {
  BlobOptions,
  Confirmation,
  DeliverOptions,
  Delivery,
  ImageSource,
  ImageTarget,
  Presence,
} from './core/ports.ts';
export { openOciLayout } from './archive/oci-layout.ts';
export { openOciTarget } from './archive/oci-target.ts';
export { openFolderLender } from './bundle/folder-lender.ts';
export type { BlobLender } from './bundle/lender.ts';
export { BundleSource } from './bundle/source.ts';
export { openBundleFolder, type BundleFolderOptions } from './bundle/folder-source.ts';
export { openDockerArchive, type DockerArchiveOptions } from './archive/docker-archive.ts';
export { findDocker, findPodman, type DockerConnection } from './engine/docker-connection.ts';
export { openEngineSource, type EngineSourceOptions } from './engine/engine-source.ts';
export { openDockerTarget, type DockerTargetOptions } from './engine/docker-target.ts';
export { readProxyVariables, type Proxy, type ProxySettings } from './core/proxy.ts';
export type { Credential, CredentialSource } from './registry/credentials/credential.ts';
export { authFilePlaces, type AuthFilePlace, type PlaceOptions } from './registry/credentials/places.ts';
export { storedCredentials } from './registry/credentials/stored.ts';
export type {
  ClientCertificate,
  RegistrySettings,
  RegistrySourceOptions,
  RegistryTimeouts,
} from './registry/options.ts';
export { openRegistrySource } from './registry/source.ts';

// A read-only registry
export { ociLayoutContent } from './archive/oci-content.ts';
export type { ServedContent } from './core/served.ts';
export { serveContent, type ContentServer, type ServeOptions } from './registry/server.ts';

// Keys and trust
export { parseAllowedSigners, readAllowedSigners, type AllowedSigners } from './trust/allowed-signers.ts';
export { readKeyFile } from './trust/key-file.ts';
export { openSigningKey, type SigningKeyOptions } from './trust/open-signing-key.ts';
export { parseRevokedKeys, readRevokedKeys, type RevokedKeys } from './trust/revoked-keys.ts';
export { defaultPolicy, parsePolicy, readPolicy, type TrustPolicy } from './trust/read-policy.ts';
export { openSigner, type Signer, type Signers } from './trust/signer.ts';
export type { VerifiedSigner } from './trust/verify.ts';

// Bundles
export { openImporter, type CarriedImporter } from './bundle/importer-file.ts';
export type { LayersChecked } from './bundle/check-layers.ts';
export { openLendingBundle, type LendingBundle } from './bundle/lending-bundle.ts';
export { openBundle, type OpenBundleOptions, type VerifiedBundle } from './bundle/open.ts';

// Use cases
export type { Base } from './flows/base/base.ts';
export { readBases, type BasesGiven } from './flows/base/read.ts';
export { exportBundle, type ExportOptions } from './flows/export.ts';
export { thisProcess } from './cli/this-process.ts';
export type { Owner } from './bundle/lock-file.ts';
export type { SurveyedImage } from './flows/deliver.ts';
export { importBundle, type Imported, type ImportOptions, type ImportPlan } from './flows/import.ts';
export { withOpenedImport, type OpenedImport, type OpenImportOptions } from './flows/open-import.ts';
export { findTargets, type EndpointOptions, type FoundTarget } from './flows/targets.ts';
export { chooseHosts, type HostChoice } from './flows/hosts/choose.ts';
export { endpointsOf, type HostEndpoint } from './flows/hosts/endpoints.ts';
export { parseHosts, readHosts } from './flows/hosts/read-hosts.ts';
export type { Host } from './flows/hosts/resolve.ts';
export type { HostSettings } from './flows/hosts/settings.ts';
export { readExpectation, type Expectation } from './flows/inventory/against.ts';
export type { EngineAccess } from './flows/engine-endpoint.ts';
export { findEngine, type FoundEngine } from './flows/inventory/engines.ts';
export { takeInventory, type InventoryOptions } from './flows/inventory/inventory.ts';
export { syncHosts, type Synced, type SyncOptions } from './flows/sync/sync.ts';
export { inspectBundle, type InspectOptions } from './flows/inspect.ts';
export { serveBundles, type ServeBundlesOptions } from './flows/serve.ts';
export { generateSigningKey, type KeygenOptions } from './flows/keygen.ts';
export { loadExportManifest } from './flows/load-manifest.ts';
export type { ExportManifest } from './flows/manifest.ts';
export { openManifestSource, type ManifestSource, type Origins } from './flows/origins.ts';
export type { SourcesOptions } from './flows/sources.ts';
export { compareLocks, makeLock, readLock, resolveFromLock, writeLock } from './flows/lock.ts';
export { planExport, type Planned, type PlanOptions } from './flows/plan.ts';
export { resolveAll, type Resolved, type ResolveOptions, type WantedImage } from './flows/resolve.ts';
export { select, type Selection, type SelectOptions } from './flows/selection.ts';
export { signBundle, type SignOptions, type SignPlan } from './flows/sign.ts';
export { writeDamage, type DamageFacts } from './flows/damage-file.ts';
export { verifyReportOf } from './flows/verify.ts';

// Reports
export type {
  ErrorReport,
  ExportReport,
  FailureReport,
  ImportedImage,
  ImportReport,
  InspectReport,
  KeygenReport,
  Totals,
  VerifyReport,
} from './schema/reports.ts';
export type { InventoryReport, SyncReport } from './schema/reports-hosts.ts';
export type { LockReport } from './schema/reports-lock.ts';
export type { PlanReport } from './schema/reports-plan.ts';
export type { ServeReport } from './schema/reports-serve.ts';
export type { SignReport } from './schema/reports-sign.ts';
