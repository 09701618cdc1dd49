/** Who must act, as an exit status: the number a shell or CI sees. */
export const exitStatus = { smoke: 1, usage: 64, input: 65, missing: 69, bug: 70 } as const
export type Fault = keyof typeof exitStatus

interface ErrorCodeRow {
  fault: Fault
  /** One sentence for the reference: when this happens. */
  meaning: string
  /** One sentence for the reference: what to do. */
  remedy: string
}

const row = (fault: Fault, meaning: string, remedy: string): ErrorCodeRow => ({ fault, meaning, remedy })

/** Every error code, in one table: the exit status and the troubleshooting reference are read from it. */
export const errorCodes = {
  E_USAGE: row('usage', 'The command line is not one nat64-forge understands.', 'Read `nat64-forge --help` or `nat64-forge COMMAND --help`.'),
  E_TARGET_UNKNOWN: row('usage', 'No target of that name is shipped, and no such file exists.', 'List targets with `nat64-forge targets`, or give the path of a YAML file.'),
  E_NOT_ROOT: row('missing', 'The step makes root file systems, and this user may not, or a container keeps even root from mounting.', 'Run as root or with sudo; in a container, give it the right to mount (`docker run --privileged`), or run outside of it.'),
  E_TARGET: row('input', 'The target file has a syntax error, an unknown key, a wrong type or an impossible combination.', 'Correct the line and column that the message names; an editor with the published JSON Schema shows the same.'),
  E_LOCK: row('input', 'The lock file is damaged, is for another target, or has an unknown version.', 'Take the lock.yaml of a successful build, or resolve anew with `--update`.'),
  E_LOCK_STALE: row('input', 'The target changed since the lock was written.', 'Resolve anew with `--update`, or give the target file that belongs to the lock.'),
  E_VANISHED: row('missing', 'A file that the lock names is no longer on the mirror.', 'Use a mirror that still has it (`--debian-mirror`, `--mirror` for files named by URL), or resolve anew with `--update`.'),
  E_RESOLVE: row('missing', 'The archive does not have what the target asks for.', 'Check suite, flavour and version in the target; `--verbose` shows the apt command.'),
  E_NO_MIRROR: row('missing', 'The host has no Debian mirror configured for the suite.', 'Add one to the host\'s apt sources, or give `--debian-mirror URL`.'),
  E_DOWNLOAD: row('missing', 'A download failed.', 'Check the network and the mirror; what was complete is kept, run the command again.'),
  E_OFFLINE: row('missing', 'The network is needed, and `--offline` forbids it.', 'Run once without `--offline`, or give a lock whose files are all in the store.'),
  E_DIGEST: row('input', 'A file\'s SHA-256 is not the one that was promised.', 'Do not use the file. Find out whether the lock, the specification or the file is wrong.'),
  E_SIGNATURE: row('input', 'An OpenPGP signature does not verify with the given keyring.', 'Do not use the file. Check keyring and signature file.'),
  E_ARCHIVE: row('input', 'An archive is damaged or would write outside its folder, make devices, or is absurdly large.', 'Get the archive again from a source you trust.'),
  E_SOURCE: row('input', 'The sources are not Jool\'s, or are incomplete.', 'Point the source at an unpacked Jool release or checkout.'),
  E_UNSUPPORTED: row('input', 'This version of Jool does not work with this kernel.', 'Use the version of Jool that the message names.'),
  E_KERNEL_TOO_NEW: row('input', 'The kernel is newer than any that a known version of Jool supports.', 'Use an older kernel, or a newer Jool: add its row to the support table. An engine without a module (TAYGA) works on any kernel.'),
  E_KERNEL: row('input', 'The kernel\'s build tree is incomplete or contradicts itself.', 'Use headers from the same build as the kernel.'),
  E_HEADERS_RELEASE: row('input', 'The build tree is for another kernel release than wanted.', 'Use headers from the same build as the router\'s kernel.'),
  E_HEADERS_ABI: row('input', 'The build tree has the release of the router\'s kernel, but not its configuration or its symbol CRCs.', 'A release is not an identity: use headers from the same build as the router\'s kernel.'),
  E_HEADERS_ARCHITECTURE: row('input', 'The build tree is for another architecture, or its programs run on another one.', 'Use headers for amd64 that were built on amd64.'),
  E_DEB: row('input', 'A given .deb is missing, cut off or not a Debian package.', 'Correct its path, or get it again from where it was built.'),
  E_DEB_ARCHITECTURE: row('input', 'A given .deb is for another architecture than the image.', 'Give the package that was built for the image\'s architecture.'),
  E_NO_MODULES: row('input', 'The kernel was configured without loadable modules.', 'Build the kernel with `CONFIG_MODULES=y`; Jool exists only as modules.'),
  E_CATALOGUE: row('input', 'A kernel belongs to no line in the catalogue of kernels, or a row of it is wrong.', 'Add or correct the row; the message says where.'),
  E_CLI_TREE: row('input', 'The tree of the router\'s configuration, packaging/vyos-nat64/cli, is wrong.', 'Correct the file; the message says where. packaging/cli-tree/schema.ts says what the keys mean.'),
  E_COMPILE: row('input', 'Compiling failed.', 'Read the compiler\'s words below the message; `--debug-shell` opens a shell in the build root.'),
  E_VERMAGIC: row('input', 'A module was built for another kernel than the target\'s.', 'Use the headers of exactly the router\'s kernel.'),
  E_SYMBOL_CRC: row('input', 'A module imports a symbol with another CRC than the kernel exports.', 'Use the Module.symvers of exactly the router\'s kernel.'),
  E_SYMBOL_MISSING: row('input', 'A module imports a symbol that neither the kernel nor the other modules export.', 'Enable the kernel option that the symbol belongs to, or use another version of Jool.'),
  E_MODULE: row('input', 'A module is not what was asked for (name, version, licence, dependencies).', 'Read the message; the module is kept in the work folder with `--keep-workdir`.'),
  E_ELF: row('input', 'A file is not the ELF object that it should be.', 'The file is truncated or not a kernel module; get or build it again.'),
  E_KCONFIG: row('input', 'The kernel\'s configuration did not take an option that was asked for, or forbids what is needed.', 'Enable what the option depends on, or take it out of the fragment; the message lists them.'),
  E_PATCH: row('input', 'A patch does not apply to the sources.', 'Take the patch out of the series, or bring it up to date with the sources; the message names it.'),
  E_KEY_MISSING: row('missing', 'The private key or the certificate to sign with is not there.', 'Correct `key` and `certificate` in the target\'s section that the message is about (`signing`, `iso.secureBoot`); for a token, check that it is plugged in and its library installed.'),
  E_KEY: row('input', 'The private key is damaged, or of a kind that kernels and firmware do not verify.', 'Use an RSA key in PEM.'),
  E_KEY_PASSPHRASE: row('input', 'The private key has a passphrase, or the token\'s PIN is missing or wrong.', 'Write the key without a passphrase (`openssl pkey -in OLD -out NEW`) where only you can read it; for a token, correct `signing.pin`.'),
  E_KEY_MISMATCH: row('input', 'The private key does not belong to the certificate, or the kernel has another certificate.', 'Give the key and the certificate of one pair, the one whose certificate is in the kernel.'),
  E_CERTIFICATE: row('input', 'The certificate cannot be read.', 'Give one X.509 certificate, in PEM or DER.'),
  E_CERTIFICATE_EXPIRED: row('input', 'The certificate is no longer valid, or not yet.', 'Make a new certificate, or correct this machine\'s clock.'),
  E_MODULE_SIGNATURE: row('input', 'A module\'s signature is not by the key, with the hash and over the bytes that it should be.', 'Build again; if it repeats, report it with the log.'),
  E_UNSIGNED: row('input', 'The kernel loads signed modules only, and nothing says which key to sign with.', 'Give `modules.signing`, or build the kernel with its modules (`headers.provider: source`).'),
  E_IMAGE: row('input', 'The file is neither an ISO, a squashfs nor a folder with a root file system.', 'Give the path of a router\'s ISO, of the squashfs in it, or of an unpacked root.'),
  E_IMAGE_TRUNCATED: row('input', 'An image ends before the place it says it ends.', 'Get it again; compare its checksum with the publisher\'s.'),
  E_IMAGE_NO_ROOT: row('input', 'An ISO has no squashfs, so it is not a live router image.', 'Give a live ISO, or the unpacked root itself.'),
  E_INJECT: row('input', 'Packages could not be installed in an image, or the new image is not as it should be.', 'Read apt\'s and dpkg\'s words in the message; give the packages that the others depend on too, or a folder that has them (`--packages DIR`).'),
  E_OVERLAY: row('input', 'What would be put on top of an image does not fit it: another compressor or block size, or notes of overlayfs that point elsewhere.', 'Make the difference as the message says.'),
  E_IMAGE_MANY_ROOTS: row('input', 'An ISO has more than one squashfs, and which one the router runs is not known.', 'Take the right one out of the ISO and give that file.'),
  E_IMAGE_KERNEL: row('input', 'An image has no kernel, or not the parts of it that are needed.', 'Give an image with `boot/vmlinuz-*` and `lib/modules`.'),
  E_ISO_DAMAGED: row('input', 'The folders or descriptors of an ISO contradict themselves.', 'Get the ISO again from a source you trust.'),
  E_SQUASHFS: row('input', 'A squashfs is damaged, or has sizes or loops that no honest one has.', 'Get the image again from a source you trust.'),
  E_SQUASHFS_COMPRESSOR: row('input', 'A squashfs is compressed in a way that is not known.', 'Pack it anew with gzip, xz, zstd, lz4, lzo or lzma.'),
  E_KERNEL_IMAGE: row('input', 'A kernel image cannot be read: not an x86 bzImage, damaged, or compressed in an unknown way.', 'Get the image again; the kernel must be one for amd64.'),
  E_DER: row('input', 'A certificate or signature is damaged.', 'Make or get it again.'),
  E_PACKAGE: row('bug', 'A package failed its own check (lintian, contents, dependencies).', 'Report it with the log; the package was not published.'),
  E_ISO: row('input', 'The image could not be made from its packages.', 'Read the tool\'s words below the message; `--debug-shell` opens a shell in the root.'),
  E_SMOKE: row('smoke', 'The router booted, or failed to, and at least one check failed.', 'Read the table; console, journal and captures are in the `.failed` folder beside the output.'),
  E_BOOT: row('smoke', 'The router did not reach the state in which it can be tested.', 'The message names the last milestone; the console log shows how far it got.'),
  E_LAB: row('missing', 'The lab\'s network or the virtual machine could not be started on this host.', 'Read the message; `nat64-forge doctor` tells what the host lacks.'),
  E_HOST_PACKAGES: row('missing', 'Programs that the build calls are not installed.', 'Install the packages with the apt line in the message.'),
  E_DISK_FULL: row('missing', 'The disk is full.', 'Free space, or use `--store DIR` on another disk; `nat64-forge store gc` frees the cache. What was complete is kept.'),
  E_COMMAND: row('missing', 'A program that the build calls failed.', 'Read its last words below the message; `--verbose` shows every command.'),
  E_TIMEOUT: row('missing', 'A program did not finish in time and was ended.', 'Run again; if it repeats, read its log.'),
  E_STORE: row('missing', 'The store cannot be used: not writable, or not made by this program.', 'Give another folder with `--store DIR`.'),
  E_OUT: row('missing', 'The output folder cannot be used: not writable, or not one that nat64-forge made.', 'Give another folder with `--out DIR`.'),
  E_INTERRUPTED: row('missing', 'The run was interrupted.', 'Run the command again; what was complete is reused.'),
  E_BUG: row('bug', 'nat64-forge contradicted itself.', 'Report it with the command and the log.'),
} as const satisfies Record<string, ErrorCodeRow>

export type ErrorCode = keyof typeof errorCodes
