/** A YAML or JSON mapping whose values are not known yet. */
export type Mapping = Readonly<Record<string, unknown>>;

/** Is this a mapping: an object, but no list? */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value when it is a mapping, otherwise one without keys. */
export function mappingOf(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}
