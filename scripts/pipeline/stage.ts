import type { z } from 'zod'
import type { Architecture } from '../domain/architecture.ts'
import type { RemoteFile } from '../domain/remote-file.ts'
import type { StageName } from '../domain/stage-name.ts'
import type { Suite } from '../domain/suite.ts'
import type { DebianArchive } from '../lib/debian-archive.ts'
import type { Take } from '../lib/fetch.ts'
import type { Exec } from '../lib/exec.ts'
import type { HostTool } from '../lib/host-tools.ts'
import type { Log } from '../lib/log.ts'

/** What every stage may know of the target beside its own section. */
export interface TargetFacts {
  name: string
  suite: Suite
  architecture: Architecture
  /** Seconds since 1970; every time stamp in the output. From the lock, so that a build repeats. */
  sourceDateEpoch: number
}

export interface ResolveInput<Spec, Before> {
  target: Omit<TargetFacts, 'sourceDateEpoch'>
  spec: Spec
  /** What the earlier stages resolved to. */
  before: Before
}

/** What resolving may use: the only code that reads moving things. */
export interface ResolveDeps {
  archive: DebianArchive
  exec: Exec
  log: Log
  workDir: string
  fetch: (files: readonly RemoteFile[]) => Promise<string[]>
  take: Take
  /** Relative paths in a target are relative to its file. */
  targetDir: string
}

export interface PlanInput<Spec, Locked> {
  target: TargetFacts
  spec: Spec
  locked: Locked
}

export interface RunDeps<Before> {
  /** Artifacts of the stages named in `reads`, each with the folder `dir` that holds its files. */
  before: Before
  exec: Exec
  log: Log
  signal: AbortSignal
  /** Scratch; removed afterwards, kept with --keep-workdir. */
  workDir: string
  /** What is put here becomes the artifact's folder. */
  outDir: string
  /** The project's own folder, where `assets` lie. */
  projectDir: string
  /** Processors to use. */
  jobs: number
  /** Local copies of files that the plan names by digest, in the same order; verified. */
  fetch: (files: readonly RemoteFile[]) => Promise<string[]>
  /** A shared part of the store (a build root): made once for equal recipes, then read-only, or kept by a program that lets several use it at once (ccache). */
  shared: (kind: string, recipe: unknown, build: (dir: string) => Promise<void>) => Promise<string>
}

/**
 * A stage is a pure plan and an effectful run. Methods, not properties, so that a list of
 * different stages has one type.
 */
export interface Stage<Spec = unknown, Locked = unknown, Plan = unknown, Artifact = unknown, BeforeLocked = unknown, BeforePlans = unknown, BeforeArtifacts = unknown> {
  readonly name: StageName
  /** For people: "build Jool's modules". */
  readonly title: string
  /** Stages whose artifacts `run` reads; their keys are part of this stage's key. */
  readonly reads: readonly StageName[]
  /** Further stages that `run` reads when the plan says so; their keys are part of this stage's key too. */
  alsoReads?(plan: Plan): readonly StageName[]
  /** The stage's section in a target file. */
  readonly spec: z.ZodType<Spec>
  /** What the lock holds for this stage. */
  readonly locked: z.ZodType<Locked>
  /** Files and folders beside the code that end up in the artifact; relative to the project. */
  readonly assets: readonly string[]
  /** Host programs that `run` calls. */
  readonly tools: readonly HostTool[]
  /** From what a person wrote to exact versions, file names and digests. */
  resolve(input: ResolveInput<Spec, BeforeLocked>, deps: ResolveDeps): Promise<Locked>
  /** True when what a lock found by itself no longer describes (a checkout that was edited). Default: never. */
  isStale?(locked: Locked): Promise<boolean>
  /** Pure: no clock, files, environment or processes. The result is JSON. */
  plan(input: PlanInput<Spec, Locked>, before: BeforePlans): Plan
  /** What of the plan decides the result, where the plan also says where things lie. Default: all of it. */
  keyOf?(plan: Plan): unknown
  /** Asked of every stage that is going to run or to be taken from the store, before the first one is: throws for what would stop its run, warns of what a person may not expect. */
  foresee?(plan: Plan, log: Log): Promise<void>
  /** Does what the plan says. The result is JSON; paths in it are relative to `outDir`. */
  run(plan: Plan, deps: RunDeps<BeforeArtifacts>): Promise<Artifact>
  /** False for a result that a later run must not take from the store (a failed test). Default: true. */
  reusable?(artifact: Artifact): boolean
}

/** A stage whose types the pipeline does not know: it hands data on without looking inside. */
export type AnyStage = Stage

/** An artifact as later stages see it: its data and the folder with its files. */
export type Stored<Artifact> = Artifact & { readonly dir: string }
