// By themselves, so that whoever only needs a number need not load the schemas.

/** Version of all `--json` reports: it rises when a field changes its meaning or goes. */
export const reportVersion = 1;

/** Version of the lines of `--progress json`: it rises when a field changes its meaning or goes. */
export const eventVersion = 1;
