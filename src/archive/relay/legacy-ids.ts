import { chainIdsOf } from '../../core/chain-id.ts';
import { digestOf, hexOf, type Digest } from '../../core/digest.ts';

/** An empty `container.Config` of Docker, as Go writes it. */
const emptyConfig =
  '{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}';

/**
 * The folders in which Docker before 25 saves layers, with the diff IDs of these: every layer but the topmost, whose
 * folder depends on the whole config. They are computed as Docker does (moby, `image/v1/imagev1.go`, `CreateID`; measured
 * on 20.10); an engine that names them otherwise only is not understood by name.
 */
export function legacyIdsOf(diffIds: readonly Digest[]): ReadonlyMap<string, Digest> {
  const ids = new Map<string, Digest>();
  let parent = '';
  for (const [at, chainId] of chainIdsOf(diffIds.slice(0, -1)).entries()) {
    const head = `"container_config":${emptyConfig},"created":"1970-01-01T00:00:00Z","layer_id":"${chainId}"`;
    const id = digestOf(`{${head}${parent}}`);
    const diffId = diffIds[at];
    if (diffId !== undefined) ids.set(hexOf(id), diffId);
    parent = `,"parent":"${id}"`;
  }
  return ids;
}
