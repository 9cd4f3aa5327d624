// A key of the outermost mapping that is `script` or names an image, or that is written in a way which may hide it: quoted, explicit (`?`),
// with anchor, tag or alias, in flow style, behind a directive or document marker, or merged in (`<<`).
const outermostKey = /^(?:(?:script|dockerimage)[ \t]*:|["'?&!*{%<]|---[ \t]+[^\s#])/m;

// The first line that is neither blank nor a comment nor a bare document marker is indented.
const indentedRoot = /^(?:(?:---)?[ \t]*(?:#[^\r\n]*)?[\r\n])*[ \t]+[^\s#]/;

/**
 * Could this YAML text be an integration or a script? A cheap look that spares parsing playbooks and the like. It may
 * say yes too often, never no too often: where the outermost mapping starts in the first column, so do all its keys.
 */
export function mayBeItem(text: string): boolean {
  return outermostKey.test(text) || indentedRoot.test(text);
}
