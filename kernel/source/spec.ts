import { z } from 'zod'
import { dependency, lockedPackage, packageName, packageVersion, remoteFile } from '../../scripts/domain/remote-file.ts'
import { suites } from '../../scripts/domain/suite.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256: 64 hexadecimal digits, lower case')
const version = z.string().regex(/^\d+\.\d+\.\d+$/, 'three numbers, for example 4.1.13')

/** Where Jool's sources come from. */
export const sourceSpec = z.discriminatedUnion('provider', [
  z.strictObject({
    provider: z.literal('debian'),
    suite: z.enum(suites).default('trixie').describe('The Debian suite whose jool-dkms and jool-tools are used; may be newer than the target\'s suite.'),
    version: packageVersion.optional().describe('Exact Debian version, for example 4.1.13-1.1. Default: the newest in the suite.'),
  }).describe('Debian\'s packages: module sources from jool-dkms, tools from jool-tools.'),
  z.strictObject({
    provider: z.literal('upstream'),
    version: version.describe('Jool\'s version.'),
    url: z.string().regex(/^(https?|file):\/\//, 'an http:, https: or file: URL').describe('The release tarball, jool-VERSION.tar.gz.'),
    sizeBytes: z.number().int().positive().describe('Size of the tarball in bytes.'),
    sha256: digest.describe('SHA-256 of the tarball.'),
    signature: z.strictObject({
      file: z.string().describe('The detached OpenPGP signature, a path relative to this file.'),
      keyring: z.string().describe('The keyring to verify it with, a path relative to this file.'),
    }).optional(),
  }).describe('A release tarball of Jool; modules and tools are compiled from it.'),
  z.strictObject({
    provider: z.literal('directory'),
    path: z.string().describe('An unpacked release or a checkout of Jool, relative to this file.'),
  }).describe('A checkout of Jool; modules and tools are compiled from it.'),
]).prefault({ provider: 'debian' })
export type SourceSpec = z.infer<typeof sourceSpec>

/** A source package that belongs to shipped binaries, and whether the mirror had its files. */
export const sourceReference = z.strictObject({
  sourcePackage: packageName,
  version: packageVersion,
  files: z.array(remoteFile),
  /** False when the mirror's index names the files but does not serve them. */
  included: z.boolean(),
})
export type SourceReference = z.infer<typeof sourceReference>

export const sourceLocked = z.discriminatedUnion('provider', [
  z.strictObject({ provider: z.literal('debian'), joolVersion: version, debianVersion: packageVersion, dkms: lockedPackage, tools: lockedPackage, toolsDepends: z.array(dependency), reference: sourceReference }),
  z.strictObject({ provider: z.literal('upstream'), joolVersion: version, tarball: remoteFile, signature: z.strictObject({ file: z.string(), keyring: z.string(), sha256: digest, keyringSha256: digest }).optional() }),
  z.strictObject({ provider: z.literal('directory'), joolVersion: version, path: z.string(), treeSha256: digest }),
])
export type SourceLocked = z.infer<typeof sourceLocked>
