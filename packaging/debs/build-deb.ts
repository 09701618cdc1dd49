import { chmod, copyFile, lstat, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { ForgeError } from '../../scripts/lib/errors.ts'
import type { Exec } from '../../scripts/lib/exec.ts'
import { filesUnder, foldersUnder } from './tree.ts'
import { substitution } from './control.ts'
import { generatedFiles, generatedText } from './generated.ts'
import type { ToolsTree } from './inputs.ts'
import type { Content, TreeRule } from './layout.ts'
import type { PackagePlan } from './plan.ts'

export interface Ingredients {
  projectDir: string
  /** Absolute paths of the modules, by name. */
  modules: ReadonlyMap<string, string>
  /** The tools' tree with an absolute `dir`. */
  tools: ToolsTree
  sourceDateEpoch: number
}

/**
 * Lays out the package in `stageDir` and packs it to `debFile`. Nothing in the result depends on user, umask, locale,
 * time or the order of folders.
 * @throws ForgeError E_PACKAGE when an ingredient is missing
 */
export async function buildDeb(plan: PackagePlan, stageDir: string, debFile: string, ingredients: Ingredients, exec: Exec): Promise<void> {
  await layOut(plan, stageDir, ingredients, exec)
  const paths = await filesUnder(stageDir)

  await mkdir(join(stageDir, 'DEBIAN'))
  const write = async (name: string, data: string | Buffer, mode = 0o644): Promise<void> => {
    const path = join(stageDir, 'DEBIAN', name)
    await writeFile(path, data)
    await chmod(path, mode)
  }
  await write('control', plan.control
    .replace(substitution.installedSize, String(await installedSizeKiB(stageDir, paths)))
    .replace(substitution.toolsDepends, toolsDepends(ingredients.tools.depends).join(', ')))
  await write('md5sums', await md5sums(stageDir, paths))
  if (plan.triggers !== undefined) await write('triggers', plan.triggers)
  const conffiles = paths.filter((path) => path.startsWith('etc/'))
  if (conffiles.length > 0) await write('conffiles', conffiles.map((path) => `/${path}\n`).join(''))
  for (const [name, content] of Object.entries(plan.scripts)) {
    await write(name, String(await contentOf(content, ingredients)).replace(substitution.vyosFiles, () => inVyosFolders(paths).map((path) => `/${path}`).join('\n')), 0o755)
  }

  await fixTimesAndFolders(stageDir, ingredients.sourceDateEpoch)
  // One thread: xz cuts its blocks by the number of threads.
  await exec(['dpkg-deb', '--root-owner-group', '--threads-max=1', '-Zxz', '-z6', '--build', stageDir, debFile], {
    env: { SOURCE_DATE_EPOCH: String(ingredients.sourceDateEpoch) },
    doing: `pack ${plan.fileName}`,
    errorCode: 'E_PACKAGE',
  })
}

/** The tools' library dependencies, and what the maintainer scripts call; sorted. */
export function toolsDepends(libraries: readonly string[]): string[] {
  const others = libraries.filter((relation) => !/^init-system-helpers\b/.test(relation))
  // What debhelper asks for: deb-systemd-helper and deb-systemd-invoke that take several units.
  return [...others, 'init-system-helpers (>= 1.54~)'].sort((a, b) => (a < b ? -1 : 1))
}

/** Where VyOS has files of its own, and may have one at the same path. */
function inVyosFolders(paths: readonly string[]): string[] {
  return paths.filter((path) => /^(opt\/vyatta\/|usr\/libexec\/vyos\/)/.test(path))
}

async function layOut(plan: PackagePlan, stageDir: string, ingredients: Ingredients, exec: Exec): Promise<void> {
  const toCompress: string[] = []
  const place = async (path: string, mode: number, put: (to: string) => Promise<void>): Promise<void> => {
    const to = join(stageDir, path)
    await mkdir(dirname(to), { recursive: true })
    await put(to)
    await chmod(to, mode)
  }

  for (const file of plan.files) {
    const path = file.gzip ? file.path.replace(/\.gz$/, '') : file.path
    await place(path, file.mode, async (to) => { await writeFile(to, await contentOf(file.content, ingredients)) })
    if (file.gzip) toCompress.push(path)
  }
  for (const rule of plan.tree) {
    const from = rule.from === undefined ? ingredients.tools.dir : join(ingredients.projectDir, rule.from)
    for (const path of chosen(rule, await filesUnder(from), plan.name)) {
      await place(path, rule.mode, async (to) => { await copyFile(join(from, path), to) })
      if (rule.gzip && !path.endsWith('.gz')) toCompress.push(path)
    }
  }
  for (const tree of plan.generatedTrees ?? []) {
    for (const [name, text] of await generatedFiles(tree, ingredients.projectDir)) {
      const path = `${tree.below}/${name}`
      await place(path, 0o644, async (to) => { await writeFile(to, text) })
      if (tree.gzip) toCompress.push(path)
    }
  }
  if (toCompress.length > 0) await exec(['gzip', '-9n', '--', ...toCompress.sort()], { cwd: stageDir, doing: `compress the documentation of ${plan.name}` })
}

function chosen(rule: TreeRule, available: readonly string[], packageName: string): string[] {
  const matches = available.filter((path) => new RegExp(`^(${rule.pattern})$`).test(path))
  if (matches.length < rule.atLeast) {
    throw new ForgeError('E_PACKAGE', `${packageName}: ${rule.from ?? 'the tools\' tree'} has ${String(matches.length)} of ${String(rule.atLeast)} files ${rule.pattern}`, {
      ...(matches.length > 0 ? { details: matches.join('\n') } : {}),
    })
  }
  return matches
}

async function contentOf(content: Content, { projectDir, modules }: Ingredients): Promise<string | Buffer> {
  switch (content.kind) {
    case 'text':
      return content.text
    case 'module': {
      const path = modules.get(content.name)
      if (path === undefined) throw new ForgeError('E_PACKAGE', `the modules stage made no ${content.name}.ko`)
      return await readFile(path)
    }
    case 'asset': {
      const data = await readFile(join(projectDir, content.path))
      return content.fill === undefined ? data : filled(data.toString(), content.fill, content.path)
    }
    case 'generated':
      return await generatedText(content, projectDir)
    default:
      return content satisfies never
  }
}

function filled(template: string, values: Record<string, string>, name: string): string {
  return template.replace(/@([A-Z][A-Z_]*)@/g, (_match, key: string) => {
    const value = values[key]
    if (value === undefined) throw new ForgeError('E_BUG', `${basename(name)} asks for @${key}@, which the plan does not give`)
    return value
  })
}

// As dpkg-gencontrol counts: whole KiB a file, one KiB a folder.
async function installedSizeKiB(stageDir: string, paths: readonly string[]): Promise<number> {
  let total = (await foldersUnder(stageDir)).length
  for (const path of paths) total += Math.ceil((await lstat(join(stageDir, path))).size / 1024)
  return total
}

async function md5sums(stageDir: string, paths: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const path of paths) lines.push(`${createHash('md5').update(await readFile(join(stageDir, path))).digest('hex')}  ${path}\n`)
  return lines.join('')
}

async function fixTimesAndFolders(stageDir: string, epochSeconds: number): Promise<void> {
  const folders = ['.', ...await foldersUnder(stageDir)]
  for (const folder of folders) {
    await chmod(join(stageDir, folder), 0o755)
    for (const entry of await readdir(join(stageDir, folder), { withFileTypes: true })) {
      if (entry.isFile()) await utimes(join(stageDir, folder, entry.name), epochSeconds, epochSeconds)
    }
  }
  // Deepest first: setting a file's times leaves its folder's alone, but order costs nothing here and is explicit.
  for (const folder of folders.reverse()) await utimes(join(stageDir, folder), epochSeconds, epochSeconds)
}
