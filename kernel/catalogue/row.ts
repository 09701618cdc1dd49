import { z } from 'zod'
import { suites } from '../../scripts/domain/suite.ts'

const pattern = z.string().refine(isPattern, 'a regular expression over the whole text, ^…$')

function isPattern(text: string): boolean {
  if (!text.startsWith('^') || !text.endsWith('$')) return false
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}

/** One release line of kernels that routers run, and what it takes to build for them. */
export const catalogueRow = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'small letters, digits, dots and hyphens').describe('The row\'s name, which is its file\'s too.'),
  title: z.string().min(1).describe('What it is, for people.'),
  kernels: pattern.describe('Kernel releases of this line, as a regular expression over all of `uname -r`.'),
  laterKernels: pattern.optional().describe('Kernels that only the VyOS version tells from another line\'s: of this line in an image whose version is.'),
  vyos: pattern.optional().describe('VyOS versions of this line, as a regular expression over all of the version.'),
  base: z.string().regex(/^[a-z]+$/).describe('The Debian release that the router is made of.'),
  suite: z.enum(suites).nullable().describe('The suite in which its modules are built; null when the archive no longer has it.'),
  jool: z.string().regex(/^\d+\.\d+\.\d+$/).describe('The version of Jool that supports it.'),
  joolSuite: z.enum(suites).optional().describe('The suite whose jool-dkms is of that version; without it, Jool\'s own release is needed.'),
  backports: z.boolean().default(false).describe('The kernel is in the suite\'s backports.'),
  signing: z.enum(['off', 'any', 'forced']).describe('Whether the kernel loads unsigned modules: off and any do, forced does not.'),
  headers: z.strictObject({
    from: z.enum(['archive', 'build']).describe('archive: Debian\'s. build: of the kernel build that made the router.'),
    url: z.string().regex(/^(https?|file):\/\/\S+\.deb$/).optional().describe('Where they can be had; {release} and {version} stand for the kernel\'s release and its package\'s version.'),
  }),
  verified: z.enum(['no', 'built', 'loaded']).describe('no: follows from documentation. built: a test compiled and checked the modules. loaded: a test also loaded them and passed packets.'),
  needs: z.string().min(1).describe('What a person must bring along, in one sentence.'),
  failures: z.array(z.strictObject({
    jool: z.string().regex(/^\d+\.\d+\.\d+$/),
    release: z.string(),
    words: z.string().min(1).describe('The compiler\'s own words.'),
  })).default([]).describe('Versions of Jool that were tried and do not compile.'),
})
export type CatalogueRow = z.infer<typeof catalogueRow>
