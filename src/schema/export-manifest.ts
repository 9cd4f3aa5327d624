import * as z from 'zod';
import { siteNamePattern } from '../core/names.ts';

/** The `schema` value of the export manifests that this version reads. */
export const exportSchemaId = 'packferry.export/v1';

const nonEmpty = z.string().min(1);

const dependencies = z.enum(['none', 'mandatory', 'all']).exactOptional();

const packEntry = z.union([
  z
    .strictObject({
      path: nonEmpty.describe(
        'A pack, a folder of packs, or a pattern with *, **, ? and [...] for several of them. Relative to the manifest.',
      ),
    })
    .describe('Packs on the disk.'),
  z
    .strictObject({
      marketplace: nonEmpty.describe('The id of a pack, or its name in the marketplace.'),
      version: nonEmpty.exactOptional().describe('An exact version, or * for the current one. Default: *.'),
      dependencies: dependencies.describe(
        'Which of the packs that it needs are wanted too, on every level. Default: mandatory.',
      ),
    })
    .describe('A pack of the marketplace.'),
  z
    .strictObject({
      xsoarConfig: nonEmpty.describe(
        'An xsoar_config.json: its packs of the marketplace and its custom packs. Relative to the manifest.',
      ),
      dependencies: dependencies.describe(
        'Which of the packs that those of the marketplace need are wanted too, on every level. Default: mandatory.',
      ),
    })
    .describe('The packs that a server is set up with.'),
]);

const marketplace = z.strictObject({
  url: nonEmpty
    .exactOptional()
    .describe('The address of the folder that holds index.zip. Default: the public marketplace of XSOAR.'),
  caFile: nonEmpty.exactOptional().describe('PEM file of certificate authorities. Relative to the manifest.'),
});

const from = z
  .union([nonEmpty, z.array(nonEmpty).min(1)])
  .describe(
    'Where to take it from instead of the registry that it is named after; of several, the first that has it: registry://HOST[:PORT][/PREFIX], registry: (that very registry), docker:, podman:, oci:DIR, bundle:DIR, docker-archive:FILE. Paths are relative to the manifest.',
  );

const imageEntry = z.union([
  nonEmpty.describe('An image reference.'),
  z
    .strictObject({
      reference: nonEmpty,
      from: from.exactOptional(),
    })
    .describe('An image reference with settings of its own.'),
  z
    .strictObject({
      pattern: nonEmpty.describe(
        'Names of images that packs ask for, for instance localhost/*. Patterns are those of exclude.',
      ),
      from,
    })
    .describe(
      'Where images come from that packs ask for. Adds no image; the first pattern that fits counts.',
    ),
]);

const registrySettings = z.strictObject({
  location: nonEmpty
    .exactOptional()
    .describe(
      'HOST[:PORT][/PREFIX] that takes the place of the key: images below it are read there instead. They keep their names.',
    ),
  mirrors: z
    .array(nonEmpty)
    .exactOptional()
    .describe('Hosts, with port and path prefix where needed, that are asked first, in this order.'),
  plainHttp: z
    .boolean()
    .exactOptional()
    .describe('Speak HTTP to this registry and its mirrors. Default: only to loopback addresses.'),
  caFile: nonEmpty
    .exactOptional()
    .describe(
      'PEM file of certificate authorities, for this registry and its mirrors. Relative to the manifest.',
    ),
  clientCert: nonEmpty
    .exactOptional()
    .describe('PEM file of the certificate that the registry is shown. Relative to the manifest.'),
  clientKey: nonEmpty
    .exactOptional()
    .describe('PEM file of the key for clientCert, without passphrase. Relative to the manifest.'),
});

const policy = z.strictObject({
  organizations: z
    .array(nonEmpty)
    .exactOptional()
    .describe(
      'Whose images are no third party, as demisto or ghcr.io/acme. Default: demisto, demistoextended.',
    ),
  thirdParty: z
    .enum(['warn', 'error', 'allow'])
    .exactOptional()
    .describe('Images of other organisations. Default: warn.'),
  latest: z
    .enum(['resolve', 'warn', 'error'])
    .exactOptional()
    .describe(
      'Images with the tag latest or without a tag. They are locked to a digest anyway. Default: warn.',
    ),
  deprecated: z
    .enum(['warn', 'error', 'ignore'])
    .exactOptional()
    .describe(
      'Images that say of themselves that they are deprecated, and those that the list under deprecatedImages names. Default: warn.',
    ),
  zstd: z
    .enum(['warn', 'error', 'ignore'])
    .exactOptional()
    .describe('Images with layers in zstd, which Docker before 23 cannot load. Default: warn.'),
  witness: z
    .enum(['warn', 'error', 'ignore'])
    .exactOptional()
    .describe(
      'Images that the list under --witness does not know, and all images where none was asked. Other digests than it knows are always an error. Default: ignore.',
    ),
  deprecatedImages: nonEmpty
    .exactOptional()
    .describe('deprecated_images.json of the vendor, which also knows since when. Relative to the manifest.'),
});

/** The export manifest: which packs and images a bundle is to carry. Every unknown key is a mistake. */
export const exportManifestSchema = z.strictObject({
  schema: z.literal(exportSchemaId),
  name: z
    .string()
    .max(64)
    .regex(/^[a-z0-9][a-z0-9._-]*$/, 'lower-case letters, digits, dot, dash and underscore, at most 64')
    .describe('The stream of bundles that this manifest makes, for instance soc-content.'),
  packs: z.array(packEntry).exactOptional().describe('Content packs whose images are wanted.'),
  marketplace: marketplace.exactOptional().describe('Where the packs of the marketplace come from.'),
  images: z
    .array(imageEntry)
    .exactOptional()
    .describe('Images that no pack names, and where images come from.'),
  exclude: z
    .array(nonEmpty)
    .exactOptional()
    .describe('Patterns of images that are left out, for instance demisto/ml:*. Without a tag, all tags.'),
  platform: z
    .string()
    .regex(/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/, 'os/architecture[/variant]')
    .exactOptional()
    .describe('os/architecture[/variant]. Default: linux/amd64.'),
  include: z
    .strictObject({
      defaultImages: z
        .boolean()
        .exactOptional()
        .describe(
          'Also the images that the server uses for Python and PowerShell items that name none. Default: true.',
        ),
      testPlaybooks: z.boolean().exactOptional().describe('Also items below TestPlaybooks. Default: false.'),
      alternatives: z
        .boolean()
        .exactOptional()
        .describe('Also what dockerimage45 and alt_dockerimages name. Default: false.'),
      native: z
        .array(nonEmpty)
        .exactOptional()
        .describe('Also the native images of these server versions, for instance "8.8". Default: none.'),
      nativeConfig: nonEmpty
        .exactOptional()
        .describe('docker_native_image_config.json of the content repository. Relative to the manifest.'),
    })
    .exactOptional(),
  policy: policy.exactOptional().describe('What is said about images that break a rule.'),
  registries: z
    .record(z.string(), registrySettings)
    .exactOptional()
    .describe(
      'Settings by registry host, or by HOST/PATH for the images below it. The longest key that fits an image counts.',
    ),
  bundle: z
    .strictObject({
      volumeSize: z
        .union([
          z.int().positive(),
          z.string().regex(/^[0-9]+(\.[0-9]+)?\s*([KMGT]i?B?|B)?$/i, 'a size such as 4GiB'),
        ])
        .exactOptional()
        .describe(
          'Largest archive, in bytes or as 4GiB. Default: 4 GiB - 1 byte, the largest file of FAT32.',
        ),
      expiresAfter: z
        .string()
        .exactOptional()
        .describe(
          'How long the bundle may be imported, in hours, days or weeks: 12h, 90d, 4w. Default: for ever.',
        ),
      packs: z
        .boolean()
        .exactOptional()
        .describe('Also carry the packs that are built zips, ready for upload. Default: false.'),
      importer: z
        .array(z.literal('linux-x64'))
        .exactOptional()
        .describe(
          'Also carry packferry as a program for these platforms, for sites without Node. Default: none.',
        ),
      audience: z
        .array(
          z
            .string()
            .regex(siteNamePattern, 'lower-case letters, digits, dot, dash and underscore, at most 64'),
        )
        .min(1)
        .max(1000)
        .exactOptional()
        .describe('The names of the sites that may import the bundle. Default: every site.'),
      onExisting: z
        .enum(['error', 'keep', 'retag'])
        .exactOptional()
        .describe(
          'What an import does where a name of the bundle stands for another image already, unless it is told otherwise: fail, keep that image, or move the name and keep that image under a dated tag. Default: error.',
        ),
    })
    .exactOptional(),
  sign: z
    .strictObject({
      keys: z
        .array(nonEmpty)
        .max(100)
        .exactOptional()
        .describe(
          'OpenSSH private key files that sign the bundle, one for each signer. Relative to the manifest.',
        ),
    })
    .exactOptional(),
});

export type ExportManifestDocument = z.infer<typeof exportManifestSchema>;
