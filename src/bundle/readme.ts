import { totalSize } from '../core/image.ts';
import { formatSize } from '../core/size.ts';
import type { BundleDocument, BundleImporter } from '../schema/bundle.ts';
import { bundleNamespace } from '../trust/verify.ts';
import type { Signers } from '../trust/signer.ts';
import { bundleFiles, signatureName } from './names.ts';

/** README.txt of a bundle: what it is, and how to check and load it with packferry or with stock tools alone. */
export function readmeText(document: BundleDocument, signers: Signers): string {
  const files = document.archives.map(({ file }) => file);
  return `${document.name}, bundle ${document.sequence}
${'='.repeat(document.name.length + `, bundle ${document.sequence}`.length)}

${document.images.length} container images for ${document.platform.os}/${document.platform.architecture} in ${files.length} archive${files.length === 1 ? '' : 's'}, ${formatSize(totalSize(document.archives))}.
Made ${document.createdAt} by ${document.tool.name} ${document.tool.version}.
Signed by the ${signers.length === 1 ? 'key' : 'keys'} ${signers.map(({ fingerprint }) => fingerprint).join(', ')}.
${leftOutText(document)}${document.audience === undefined ? '' : `For ${document.audience.join(', ')} only: packferry refuses it elsewhere.\n`}
Nothing in this folder is to be trusted because it stands in this folder, this text included. What counts is the key:
the file "allowed_signers" has to reach you on another way than this bundle.


Load it with packferry
----------------------

    packferry import . --trusted-keys /path/to/allowed_signers

verifies everything, loads what is missing into the local Docker engine, and checks what the engine then holds.
${(document.importers ?? []).map(importerText).join('')}

Load it with stock tools
------------------------

A shell and ssh-keygen (OpenSSH 8.1 or later) or openssl, and docker or podman, are enough. SIGNER is the name of the key:
the first word of its line in allowed_signers.

    sh /path/to/${bundleFiles.loader} --check /path/to/allowed_signers SIGNER .     only checks
    sh /path/to/${bundleFiles.loader} /path/to/allowed_signers SIGNER .             checks and loads

Use a copy of ${bundleFiles.loader} that reached you on another way: a script cannot vouch for itself. What else it can be told:

    THRESHOLD=2 sh ${bundleFiles.loader} /path/to/allowed_signers ALICE,BOB .    both must have signed
    REVOKED_KEYS=/path/to/revoked_keys sh ${bundleFiles.loader} ...              keys that do not count any more
    ENGINE=podman sh ${bundleFiles.loader} ...                                   docker or podman
    PODMAN_USER=demisto sh ${bundleFiles.loader} ...                             into the images of this user
    SITE=site-a sh ${bundleFiles.loader} ...                                     the name of this site

The same by hand:

1. The signature${signers.length === 1 ? '' : 's, each with its own SIGNER'}:

${signers.map((_, index) => verifyCommand(signatureName(index))).join('\n')}

   Whoever signs later adds ${signatureName(signers.length)} and so on, to be checked in the same way. How many signers it takes is
   for your site to say.

   With a list of keys that do not count any more: -r /path/to/revoked_keys before -s.

2. The files:

    sha256sum --strict -c ${bundleFiles.sums}

   or, where sha256sum knows no --strict, as that of busybox:

    sha256sum -c ${bundleFiles.sums}

3. The images (podman load -i does the same):

${files.map((file) => `    docker load -i ${file}`).join('\n')}

These three steps do not see files that are not on the list, bad further signatures, the number of signers, expiry, and for which site
the bundle is, or whether the engine really holds what was loaded; ${bundleFiles.loader} does. Neither sees whether the bundle is the newest
one. To compare by hand: "docker image inspect --format {{.Id}} NAME" is, with Docker's classic image store and with Podman, the
digest of the image's "config" in ${bundleFiles.document}, with Docker's containerd image store (the default of a new Docker 29 or
later) the digest of its "manifest". "docker info --format {{.DriverStatus}}" names io.containerd in the latter case.


What is in it
-------------

${document.images.map(({ reference, archive }) => `    ${archive}  ${reference}`).join('\n')}
`;
}

/** What is needed besides this bundle, where it leaves something out. */
function leftOutText({ requires, base }: BundleDocument): string {
  if (requires.length === 0) return '';
  return `
It does not hold everything: ${requires.length} ${requires.length === 1 ? 'layer is' : 'layers are'} left out, ${formatSize(totalSize(requires))}, which the far side has:
${base.map((name) => `    ${name}\n`).join('')}Only packferry puts that together; ${bundleFiles.loader} refuses this bundle, and "docker load" of its archives is not to be counted on.
Where an engine does not have the layers (any more), give packferry a bundle that holds them: --with /path/to/bundle

`;
}

function verifyCommand(signature: string): string {
  return `    ssh-keygen -Y verify -f /path/to/allowed_signers -I SIGNER -n ${bundleNamespace} \\
      -s ${signature} < ${bundleFiles.sums}`;
}

/** How to run the importer that came along, and what has to be done first. */
function importerText({ file }: BundleImporter): string {
  return `

Where packferry is not installed
--------------------------------

${file} is packferry as one program, for Linux on x86-64 with glibc 2.28 or later (RHEL 8, Debian 10, Ubuntu 20.04
and what came after them). It needs neither Node nor a network.

A program that checks the bundle in which it came proves nothing: a false one would find everything good. So copy it off
the medium, which may not keep or not grant the permission to run it, and look at the copy before you run it:

    cp ${file} /path/to/packferry
    sha256sum /path/to/packferry

The hash has to be the one that the sender gave you on another way than this bundle; the export printed it. Or do step 1 of
"Load it with stock tools" below: when the signature is good, the hash has to be the one in the signed list:

    grep ${file} ${bundleFiles.sums}

Only then:

    chmod +x /path/to/packferry
    /path/to/packferry import . --trusted-keys /path/to/allowed_signers

The Node in it heeds the environment variables NODE_OPTIONS and NODE_EXTRA_CA_CERTS: unset them unless they are yours.
"/path/to/packferry --licences" prints the licences of everything in it.
`;
}
