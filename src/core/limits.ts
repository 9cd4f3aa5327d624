/** Upper limits of everything that is read from outside, in bytes unless said otherwise. */
export const limits = {
  /** Registries cap manifests at 4 MiB (distribution specification, "Pushing manifests"). */
  imageManifest: 4 * 1024 * 1024,
  imageConfig: 8 * 1024 * 1024,
  /** `index.json` and `oci-layout` of an OCI image layout folder. */
  layoutIndex: 20 * 1024 * 1024,
  layoutMarker: 4 * 1024,
  /** Members of an image archive; the largest saves have some thousands. */
  saveMembers: 50_000,
  /** The name of one, in bytes. */
  saveName: 512,
  /** The extended header of one. */
  paxHeader: 64 * 1024,
  /** `manifest.json` of an image archive. */
  saveManifest: 20 * 1024 * 1024,
  /** The manifests and configs of an image archive, which are held in memory while it is open. */
  saveDocuments: 64 * 1024 * 1024,
  /** How often larger than its compressed form a layer, or a whole archive, may be; and what it may have in any case. */
  layerRatio: 200,
  layerContentOfAny: 1024 * 1024 * 1024,
  /** What a layer may have when it is decompressed, whatever its size; the largest images are some 20 GB in all. */
  layerContent: 64 * 1024 * 1024 * 1024,
  /** Line and headers of a request to the read-only registry. */
  requestHeaders: 16 * 1024,
  /** Clients of it at the same time, in connections. */
  serverConnections: 256,
  bundleJson: 20 * 1024 * 1024,
  sums: 4 * 1024 * 1024,
  /** Files of a bundle beside archives and packs: `README.txt`, `load.sh` and their like. */
  bundleText: 20 * 1024 * 1024,
  /** A content pack that a bundle carries; the largest are some 100 MB. */
  carriedPack: 4 * 1024 * 1024 * 1024,
  /** The self-contained importer; Node takes some 90 to 130 MB of it. */
  importer: 512 * 1024 * 1024,
  signature: 64 * 1024,
  /** A receipt names every image and file of a bundle, and every fault. */
  receipt: 64 * 1024 * 1024,
  /** What an export builds on: a receipt, an inventory, a damage file. */
  base: 64 * 1024 * 1024,
  /** Receipts in one folder. */
  receipts: 100_000,
  allowedSigners: 1024 * 1024,
  revokedKeys: 4 * 1024 * 1024,
  /** A signed update of all files of trust; it holds their texts as JSON. */
  trustUpdate: 12 * 1024 * 1024,
  /** `policy.json` of a site. */
  policy: 64 * 1024,
  /** `history.jsonl` of a site; a record takes some 500 bytes, so that 200,000 imports fit. And one line of it. */
  history: 128 * 1024 * 1024,
  historyLine: 1024 * 1024,
  /** One message of an ssh-agent; OpenSSH's own limit. */
  agentMessage: 256 * 1024,
  keyFile: 64 * 1024,
  passphraseFile: 64 * 1024,
  /** The file with the name of this site. */
  siteFile: 4 * 1024,
  /** Certificates of the authority of a registry or marketplace; the collections of whole systems are some 250 KB. */
  caFile: 4 * 1024 * 1024,
  /** Items carry embedded code; the largest of the public content are some 300 KB. */
  itemYaml: 16 * 1024 * 1024,
  packMetadata: 1024 * 1024,
  /** A pack archive inside another archive, which is held in memory while it is read. */
  nestedArchive: 256 * 1024 * 1024,
  /** What an archive of packs and the archives in it give when they are decompressed, in all. */
  archiveContent: 4 * 1024 * 1024 * 1024,
  /** The same as a multiple of the size of the archive; text hardly shrinks to a twentieth. */
  archiveRatio: 200,
  /** Archives of packs may give this much whatever their own size. */
  archiveContentOfAny: 64 * 1024 * 1024,
  /** Files and folders in an archive of packs and the archives in it, in all. */
  archiveMembers: 500_000,
  /** Archives of packs inside each other, the outermost included. */
  archiveNesting: 3,
  /** Lists that the vendor publishes: native images, deprecated images. */
  vendorList: 4 * 1024 * 1024,
  /** One page on one tag of dockerfiles-info. */
  witnessPage: 4 * 1024 * 1024,
  exportManifest: 1024 * 1024,
  /** A requirements file of pip, and Python or OS packages that one image is built with. */
  requirementsFile: 1024 * 1024,
  builtPackages: 500,
  /** Wheels that one image is built with, each of them and all together. The largest that are published are some 3 GB. */
  wheels: 400,
  wheel: 4 * 1024 * 1024 * 1024,
  wheelsTogether: 16 * 1024 * 1024 * 1024,
  /** One line of a Dockerfile: Docker's own builder takes 64 KiB. */
  dockerfileLine: 60 * 1024,
  /** A file of hosts; the hosts in it with those of ranges, its groups, and the length of a host's name. */
  hostsFile: 4 * 1024 * 1024,
  hosts: 10_000,
  hostGroups: 1_000,
  hostName: 255,
  lock: 20 * 1024 * 1024,
  /** The journal of an unfinished export; two lines for each MiB, and written anew from half of this on. */
  journal: 64 * 1024 * 1024,
  /** `index.zip` of a marketplace. */
  marketplaceIndex: 512 * 1024 * 1024,
  /** A JSON file in that index: what a pack says of itself, its versions, the list of paid packs. */
  marketplaceDocument: 8 * 1024 * 1024,
  /** The zip of a pack in a marketplace. */
  marketplacePack: 1024 * 1024 * 1024,
  /** Members of the index or of a pack in a marketplace. */
  marketplaceMembers: 300_000,
  /** How often larger than the zip its content may be; text hardly shrinks to a twentieth. */
  marketplaceRatio: 200,
  /** Content that a zip of a marketplace may have whatever its own size. */
  marketplaceContentOfAny: 64 * 1024 * 1024,
  /** `xsoar_config.json`, which may hold whole lists. */
  xsoarConfig: 16 * 1024 * 1024,
  /** One known_hosts file; those of large sites have some MiB. */
  knownHosts: 32 * 1024 * 1024,
  /** One ssh_config file, how deep Include may nest, and how many files one host may take. */
  sshConfig: 1024 * 1024,
  sshConfigDepth: 16,
  sshConfigFiles: 256,
  /** SSH hosts in a row, the destination included. */
  sshHops: 8,
  /** Commands at the same time on one connection; sshd takes 10 (MaxSessions), and not fewer where nobody changed it. */
  sshSessions: 8,
  /** What a command on an SSH host says on stderr; more is dropped. Also the output of a short one. */
  sshWords: 64 * 1024,
  /** What a folder for a staged image lists: some 150 bytes for each piece of 4 MiB. */
  stagedList: 16 * 1024 * 1024,
  errorBody: 64 * 1024,
  /** A piece of a blob on its way to a registry, held in memory; registries may ask for pieces of this size at most. */
  uploadPiece: 64 * 1024 * 1024,
  /** One page of the list of tags of a repository, and the number of tags in all pages. */
  tagList: 4 * 1024 * 1024,
  tags: 100_000,
  /** One md file of the vendor's image metadata; the largest are some 100 KB. Also: files of a folder. */
  imageMetadata: 2 * 1024 * 1024,
  imageMetadataFiles: 200_000,
  /** The index that is made of them. */
  imageMetadataIndex: 256 * 1024 * 1024,
  /** What a credential helper says. */
  helperAnswer: 64 * 1024,
  /** `config.json` and the contexts of docker's client. */
  dockerConfig: 1024 * 1024,
  /** One answer of an engine: an inspected image, its version, its state. */
  engineAnswer: 16 * 1024 * 1024,
  /** Status line and headers of an answer, and the trailers behind it; addresses with a signature have some KiB. */
  answerHead: 64 * 1024,
  /** What stands between two chunks of an answer. */
  answerLine: 1024,
  /** The answer of a token service. */
  tokenAnswer: 64 * 1024,
  /** One line of an engine's progress stream. */
  engineLine: 1024 * 1024,
  /** Nesting of JSON and YAML, in levels. */
  depth: 64,
  /** Words, marks, spaces and lines of one YAML text; the largest items have some 60,000. */
  yamlParts: 500_000,
  /** Keys, objects, lists and what is in these, of one JSON document; the largest bundle has some 100,000. */
  jsonParts: 2_000_000,
  /** Layers of one image; engines stop at 127. */
  layers: 500,
} as const;
