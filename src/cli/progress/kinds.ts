/** How progress can be shown. */
export const progressKinds = ['auto', 'tty', 'plain', 'json', 'none'] as const;
export type ProgressKind = (typeof progressKinds)[number];
