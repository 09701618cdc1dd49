import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { architectures } from '../domain/architecture.ts'
import type { StageName } from '../domain/stage-name.ts'
import { suites } from '../domain/suite.ts'
import { ForgeError, isErrno } from '../lib/errors.ts'
import { parseSpec } from '../lib/parse-spec.ts'
import type { AnyStage } from './stage.ts'

/** What a person wrote, checked and with its defaults filled in. */
export type Target = z.infer<typeof targetBase> & Record<StageName, unknown>

export interface LoadedTarget {
  target: Target
  /** Where it came from, for messages. */
  file: string
  /** Relative paths in the target start here. */
  dir: string
}

const targetBase = z.strictObject({
  target: z.string().regex(/^(?!.*\.(failed|smoke|new-.*|old-.*)$)[a-z0-9][a-z0-9.-]{0,40}$/, 'small letters, digits, dots and hyphens; not ending in .failed or .smoke').describe('The target\'s name; the output is out/NAME.'),
  description: z.string().default('').describe('One line for `nat64-forge targets`.'),
  suite: z.enum(suites).describe('The Debian suite of the router: its compiler builds the modules, its packages make the image.'),
  architecture: z.enum(architectures).default('amd64').describe('Debian\'s name of the machine architecture.'),
})

/** The schema of a target file: one section for each stage. */
export function targetSchema(stages: readonly AnyStage[]): z.ZodType<Target> {
  return targetBase.extend(Object.fromEntries(stages.map((stage) => [stage.name, stage.spec]))) as unknown as z.ZodType<Target>
}

const shippedDir = 'images/targets'
export const ownTargetFile = 'nat64-forge.yaml'
export const defaultTarget = 'debian-12'

/** The path of a target given by name or file; without one, ./nat64-forge.yaml or the default. @throws ForgeError E_TARGET_UNKNOWN */
export async function findTarget(given: string | undefined, projectDir: string): Promise<string> {
  const candidates = given === undefined
    ? [resolve(ownTargetFile), join(projectDir, shippedDir, `${defaultTarget}.yaml`)]
    : /\.ya?ml$/.test(given) || given.includes('/') ? [resolve(given)] : [join(projectDir, shippedDir, `${given}.yaml`)]
  for (const path of candidates) if (await readable(path)) return path
  throw new ForgeError('E_TARGET_UNKNOWN', `there is no target ${given ?? defaultTarget}: ${candidates.at(-1) ?? ''} does not exist`, { hint: 'list the shipped ones with `nat64-forge targets`, or give the path of a YAML file' })
}

/** @throws ForgeError E_TARGET with line and column of every mistake */
export async function loadTarget(file: string, stages: readonly AnyStage[]): Promise<LoadedTarget> {
  const text = await readFile(file, 'utf8')
  return { target: parseSpec(text, basename(file), targetSchema(stages), 'E_TARGET'), file, dir: dirname(file) }
}

async function readable(path: string): Promise<boolean> {
  try {
    await readFile(path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EISDIR') || isErrno(error, 'ENOTDIR')) return false
    throw new ForgeError('E_TARGET_UNKNOWN', `${path} cannot be read`, { cause: error })
  }
}
