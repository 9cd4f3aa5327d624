/** An md file of image metadata to be written. */
export interface MetadataSample {
  readonly image: string;
  readonly tag: string;
  /** As the vendor writes it, e.g. `29.75 MB`; the oldest files have none. */
  readonly size?: string;
  readonly created?: string;
  readonly python?: string;
  readonly pythonPackages?: Readonly<Record<string, string>>;
  /** Lines as the package managers write them. */
  readonly osPackages?: readonly string[];
}

/** The text of an md file as the vendor's tool writes it. */
export function metadataText(sample: MetadataSample): string {
  const { image, tag, size, created = '2026-08-18T03:02:19.102625924Z', python } = sample;
  const packages = Object.entries(sample.pythonPackages ?? {}).map(
    ([name, version]) =>
      `### \`${name}\`\n\n* Summary: About ${name}\n* Version: ${version}\n* Homepage: None\n* License: MIT\n`,
  );
  return [
    `# \`${image}:${tag}\``,
    '',
    '## Docker Metadata',
    ...(size === undefined ? [] : [`- Image Size: ${size}`]),
    `- Image ID: \`sha256:${'0'.repeat(64)}\``,
    `- Created: \`${created}\``,
    '- Arch: `linux`/`amd64`',
    '- Environment:',
    '  - `LANG=C.UTF-8`',
    ...(python === undefined ? [] : [`  - \`PYTHON_VERSION=${python}\``]),
    '- Labels:',
    '',
    '## Docker Trust',
    '```',
    `${tag}   ${'1'.repeat(64)}   (Repo Admin)`,
    '```',
    '',
    '## `Python Packages`',
    '',
    '',
    packages.join('\n'),
    '## `OS Packages`',
    '',
    ...(sample.osPackages ?? []).map((line) => `* ${line}`),
    '',
  ].join('\n');
}

/** The files of a folder of metadata: each tag, and `last.md` with the last one of each image. */
export function metadataFiles(samples: readonly MetadataSample[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const sample of samples) {
    const text = metadataText(sample);
    files[`${sample.image}/${sample.tag}.md`] = text;
    files[`${sample.image}/last.md`] = text;
  }
  return files;
}
