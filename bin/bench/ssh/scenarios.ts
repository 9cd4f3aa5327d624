/** What is compared. */
export interface Scenario {
  readonly name: string;
  /** Hosts that all get the same, each with an engine of its own. */
  readonly hosts: number;
  /** The engines have all images but one, which is brought. */
  readonly knownBase: boolean;
  /** Milliseconds of the way there; absent: straight, and no bytes are counted. */
  readonly roundTrip?: number;
}

export const scenarios: readonly Scenario[] = [
  { name: 'fresh', hosts: 1, knownBase: false },
  { name: 'known base', hosts: 1, knownBase: true, roundTrip: 0 },
  { name: 'far away', hosts: 1, knownBase: false, roundTrip: 50 },
  { name: 'eight hosts', hosts: 8, knownBase: false },
];

/** Those whose names hold one of these texts; each text has to name one. */
export function chooseScenarios(texts: readonly string[]): Scenario[] {
  const unknown = texts.filter((text) => !scenarios.some(({ name }) => name.includes(text)));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}`);
  return scenarios.filter(({ name }) => texts.some((text) => name.includes(text)));
}
