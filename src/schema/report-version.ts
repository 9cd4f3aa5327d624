/** Version of all `--json` reports: it rises when a field changes its meaning or goes. */
export const reportVersion = 1;
