const mostReason = 300;

/**
 * What an image says of its own end: the reason, perhaps an empty text; undefined when it says nothing. The vendor's
 * build sets DEPRECATED_IMAGE=true and DEPRECATED_REASON in images that are given up
 * (https://github.com/demisto/dockerfiles/blob/master/docker/build_docker.sh).
 * @param env the variables of its configuration, as NAME=VALUE
 */
export function deprecationIn(env: readonly string[] | null | undefined): string | undefined {
  if (variable(env, 'DEPRECATED_IMAGE')?.toLowerCase() !== 'true') return undefined;
  const reason = (variable(env, 'DEPRECATED_REASON') ?? '').replace(/\s+/g, ' ').trim();
  return reason.length > mostReason ? `${reason.slice(0, mostReason)}...` : reason;
}

/** The last one counts, as in a container. */
function variable(env: readonly string[] | null | undefined, name: string): string | undefined {
  return env?.findLast((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
}
