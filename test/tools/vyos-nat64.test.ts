import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildDeb } from '../../packaging/debs/build-deb.ts'
import type { PackagePlan } from '../../packaging/debs/plan.ts'
import { createExec } from '../../scripts/lib/exec.ts'
import { silentLog } from '../../scripts/lib/log.ts'
import { epoch, kernel56, plansFor } from '../support/debs-plans.ts'
import { picture, shippedTemplates, standInVyos, type StandInOptions } from '../support/stand-in-vyos.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { needsTools } from '../support/tools.ts'

const projectDir = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
const templates = 'opt/vyatta/share/vyatta-cfg/templates'
const cache = 'usr/lib/python3/dist-packages/vyos/xml_ref/cache.py'
const tree = 'usr/share/vyos/reftree.cache'
const script = 'usr/libexec/vyos/conf_mode/nat64.py'

/** Real dpkg and the real maintainer scripts, on a root in which VyOS's files are stand-ins. */
describe.skipIf(!needsTools('dpkg', 'dpkg-deb', '/usr/bin/python3') || process.getuid?.() !== 0)('vyos-nat64', () => {
  let packages: string
  let dir: string
  /** The package, and a later version of it. */
  let deb: string
  let later: string

  async function build(name: string, change: (plan: PackagePlan) => PackagePlan = (plan) => plan): Promise<string> {
    const plan = plansFor(kernel56).packages.find((each) => each.name === 'vyos-nat64')
    if (plan === undefined) throw new Error('no vyos-nat64')
    const file = join(packages, `${name}.deb`)
    mkdirSync(join(packages, name))
    await buildDeb(change(plan), join(packages, name), file, { projectDir, sourceDateEpoch: epoch, tools: { dir: 'unused', depends: [] }, modules: new Map() }, createExec({ log: silentLog }))
    return file
  }

  beforeAll(async () => {
    packages = await temporaryFolder({ keepUntil: 'file' })
    deb = await build('first')
    later = await build('later', (plan) => ({
      ...plan,
      control: plan.control.replace('Version: 0.1.0-1', 'Version: 0.1.0-2'),
      // It takes one more file of VyOS's, and gives one back.
      files: [...plan.files, ...[`${templates}/system/node.def`, 'usr/share/zz/late'].map((path): PackagePlan['files'][number] => ({ path, mode: 0o644, content: { kind: 'text', text: 'help: ours\n' } }))],
      generatedTrees: (plan.generatedTrees ?? []).filter(({ what }) => what !== 'vyos/configuration-templates'),
    }))
  })
  let all: string
  beforeAll(async () => { all = await temporaryFolder({ keepUntil: 'file' }) })
  beforeEach(() => { dir = mkdtempSync(join(all, 'x')) })

  const vyos = (options?: StandInOptions): ReturnType<typeof standInVyos> & { before: Record<string, string>; read: (path: string) => string; install: (file: string) => string } => {
    const made = standInVyos(join(dir, 'root'), options)
    return {
      ...made, before: picture(made.root), read: (path) => readFileSync(join(made.root, path), 'utf8'),
      install: (file) => {
        const { status, output } = made.dpkg('--install', file)
        expect(output).not.toContain('error')
        expect(status).toBe(0)
        return output
      },
    }
  }
  const ours = (path: string): string => readFileSync(join(packages, 'first', path), 'utf8')

  test('takes the place of what VyOS has, and no other file', () => {
    const { root, before, read, install } = vyos({ tree: 'present' })
    install(deb)
    for (const path of [...shippedTemplates.map((each) => `${templates}/${each}`), script]) {
      expect(read(path)).toBe(ours(path))
      expect(read(`var/lib/vyos-nat64/shipped/${path}`)).toBe(before[path])
    }
    const after = picture(root)
    const changed = Object.keys(before).filter((path) => after[path] !== before[path])
    expect(changed.sort()).toEqual([...shippedTemplates.map((each) => `${templates}/${each}`), script, cache, tree].sort())
    expect(shippedTemplates).toHaveLength(19)
  })

  test('VyOS knows its nodes, and of its own what it knew before', () => {
    const { root, read, install } = vyos({ tree: 'present' })
    install(deb)
    const words = execFileSync('/usr/bin/python3', ['-B', '-c', 'import json, runpy, sys; r = runpy.run_path(sys.argv[1])["reference"]; print(json.dumps([sorted(r), r["nat64"]["node_data"], sorted(r["nat64"]["source"]), r["component_version"]]))', join(root, cache)], { encoding: 'utf8' })
    expect(JSON.parse(words)).toEqual([
      ['component_version', 'nat46', 'nat64', 'node_data', 'system'], { node_type: 'other', multi: false, valueless: false, owner: 'shipped', priority: '501', default_value: null },
      ['node_data', 'rule'], { system: '27', 'vyos-nat64': '1' },
    ])
    expect(JSON.parse(read(tree))).toEqual({ name: '', data: {}, children: [{ name: 'nat64', data: { of: 'vyos-1x' }, children: [] }, { name: 'nat46', data: { of: 'vyos-nat64' }, children: [] }] })
  })

  test.each<[string, StandInOptions]>([
    ['a VyOS of 2025', { tree: 'present' }],
    ['VyOS 1.5', {}],
    ['a VyOS without nat64', { nat64: false }],
    ['a VyOS without reference caches', { nat64: false, cache: false }],
    ['a VyOS with nodes that are not known', { newerNodes: ['source/rule/node.tag/shiny'] }],
  ])('installed twice, removed and purged, %s is as it was', (_name, options) => {
    const { root, before, dpkg, install } = vyos(options)
    install(deb)
    const once = picture(root)
    install(deb)
    expect(picture(root)).toEqual(once)
    // As Python does where it runs as root.
    for (const path of ['usr/lib/python3/dist-packages/vyos_nat64/commit', 'usr/lib/python3/dist-packages/vyos/xml_ref/pkg_cache/vyos_nat64_cache', 'usr/libexec/vyos/conf_mode/nat46', 'usr/libexec/vyos/conf_mode/nat64']) {
      const compiled = join(root, dirname(path), '__pycache__')
      mkdirSync(compiled, { recursive: true })
      writeFileSync(join(compiled, `${basename(path)}.cpython-311.pyc`), '')
    }
    expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
    expect(picture(root)).toEqual(before)
    install(deb)
    expect(dpkg('--purge', 'vyos-nat64').status).toBe(0)
    expect(picture(root)).toEqual(before)
    const diversions = join(root, 'var/lib/dpkg/diversions')
    expect(existsSync(diversions) ? readFileSync(diversions, 'utf8') : '').toBe('')
  })

  test('gives `generate nat64` its help where VyOS has none', () => {
    const generate = 'opt/vyatta/share/vyatta-op/templates/generate/nat64/node.def'
    const without = vyos({ nat64: false })
    without.install(deb)
    expect(without.read(generate)).toBe('help: Generate what helps with NAT64 and NAT46\n')
    // VyOS has one since: that stays.
    writeFileSync(join(without.root, generate), 'help: newer\n')
    without.install(deb)
    expect(without.dpkg('--remove', 'vyos-nat64').status).toBe(0)
    expect(without.read(generate)).toBe('help: newer\n')
  })

  test('an upgrade gives back what the new version has no more, and takes what it has in addition', () => {
    const { root, before, read, dpkg, install } = vyos()
    install(deb)
    install(later)
    expect(read(`${templates}/nat64/node.def`)).toBe(before[`${templates}/nat64/node.def`])
    expect(read(`${templates}/system/node.def`)).toBe('help: ours\n')
    dpkg('--remove', 'vyos-nat64')
    expect(picture(root)).toEqual(before)
  })

  describe('a removal says what becomes of a configuration', () => {
    const goesOn = 'vyos-nat64: what translates goes on until the next boot.\n'
    const lost = 'vyos-nat64: VyOS itself has not these nodes of the configuration:\n'
    const boot = 'opt/vyatta/etc/config/config.boot'
    const block = (...lines: string[]): string => lines.map((line) => `${line}\n`).join('')
    const rule = (...lines: string[]): string => block('nat64 {', '    source {', '        rule 100 {', ...lines, '        }', '    }', '}')

    /** What is said of nodes, and that the file stays. */
    function removal(saved: string, { options = {}, running }: { options?: StandInOptions; running?: string } = {}): string {
      const { root, dpkg, install, read } = vyos(options)
      install(deb)
      writeFileSync(join(root, boot), saved)
      if (running !== undefined) {
        mkdirSync(join(root, 'run/nat64'), { recursive: true })
        writeFileSync(join(root, 'run/nat64/vyos.config'), running)
      }
      const { status, output } = dpkg('--remove', 'vyos-nat64')
      expect(status).toBe(0)
      expect(read(boot)).toBe(saved)
      return output.slice(output.indexOf('\n', output.indexOf('Removing')) + 1)
    }

    test('where it is all VyOS\'s own', () => {
      const own = rule('            /* mode {', '               isolated */', '            description "mode {"', '            disable', '            match {', '                mark "5"', '            }', '            translation {', '                pool 10 {', '                    protocol {', '                        tcp {', '                        }', '                    }', '                }', '            }')
      expect(removal(own)).toBe(goesOn)
    })

    test('the nodes that only this package knows, once each, whether saved or only committed', () => {
      const saved = `${rule('            match {', '                source-address "2001:db8:7::/48"', '            }', '            option {', '                mtu-plateaus "1500"', '                tos "4"', '            }')}nat46 {\n    clat {\n    }\n}\nsystem {\n    nat46 {\n    }\n}\n`
      const output = removal(saved, { running: 'set nat64 source rule 100 match source-address \'2001:db8:7::/48\'\nset nat64 source rule 7 description \'it is mode\'\nset nat64 source rule 7 mode \'isolated\'\n' })
      expect(output).toContain(`${goesOn}${lost}${block('    nat64 source rule 100 match source-address', '    nat64 source rule 100 option', '    nat46', '    nat64 source rule 7 mode')}vyos-nat64: from now on`)
      expect(output).toContain('`save` leaves them out')
    })

    test('all of it, where VyOS has no nat64', () => {
      expect(removal(rule('            disable'), { options: { nat64: false } })).toContain(`${goesOn}${lost}    nat64\nvyos-nat64: from now on`)
    })

    test('what a newer VyOS has is VyOS\'s', () => {
      expect(removal(rule('            shiny "1"'), { options: { newerNodes: ['source/rule/node.tag/shiny'] } })).toBe(goesOn)
    })

    test('no more than twenty', () => {
      const many = block('nat64 {', '    source {', ...Array.from({ length: 30 }, (_, number) => `        rule ${String(number + 1)} {\n            mode "isolated"\n        }`), '    }', '}')
      expect(removal(many)).toContain('    nat64 source rule 20 mode\n    and 10 more\nvyos-nat64: from now on')
    })

    test('nothing, where neither root is configured', () => {
      expect(removal('system {\n}\n')).toBe('')
    })
  })

  test('nodes of a newer VyOS stay, and are named', () => {
    const { install, read } = vyos({ newerNodes: ['source/rule/node.tag/shiny', 'source/rule/node.tag/translation/sparkling'] })
    expect(install(deb)).toContain('a commit that uses these nodes will be refused:\nnat64 source rule shiny\nnat64 source rule translation sparkling\n')
    expect(read(`${templates}/nat64/source/rule/node.tag/shiny/node.def`)).toBe('help: newer: source/rule/node.tag/shiny\n')
  })

  describe('half-way', () => {
    /** Everything but what dpkg leaves of a package that is not there. */
    const expectAsBefore = (root: string, before: Record<string, string>): void => { expect(picture(root)).toEqual(before) }

    /** dpkg refuses to overwrite another package's file, wherever the maintainer scripts do not look. */
    const ownedByVyos = (root: string, path: string): void => { appendFileSync(join(root, 'var/lib/dpkg/info/vyos-1x.list'), `${path}\n`) }

    test('what is no VyOS is refused before anything is done', () => {
      const { root, dpkg } = vyos()
      rmSync(join(root, 'opt/vyatta/share'), { recursive: true })
      const before = picture(root)
      const { status, output } = dpkg('--install', deb)
      expect(status).toBe(1)
      expect(output).toContain('vyos-nat64: this is not VyOS: /opt/vyatta/share/vyatta-cfg/templates is missing')
      expectAsBefore(root, before)
    })

    test('a reference tree that cannot be added to is refused before anything is done', () => {
      const { root, before, dpkg } = vyos({ tree: 'with a library that cannot merge' })
      const { status, output } = dpkg('--install', deb)
      expect(status).toBe(1)
      expect(output).toContain('has no merge_reference_tree_cache to add to it; nothing was changed')
      expectAsBefore(root, before)
    })

    test('a diversion that cannot be made undoes those before it', () => {
      const { root, before, dpkg } = vyos()
      // Somebody else's diversion of the last one.
      const foreign = `/${script}\n/${script}.local\n:\n`
      writeFileSync(join(root, 'var/lib/dpkg/diversions'), foreign)
      const { status, output } = dpkg('--install', deb)
      expect(status).toBe(1)
      expect(output).toContain('clashes with')
      expectAsBefore(root, before)
      expect(readFileSync(join(root, 'var/lib/dpkg/diversions'), 'utf8')).toBe(foreign)
    })

    describe('where dpkg-divert notes a diversion and does not move the file', () => {
      // What the real one does where its rename fails or never comes, for one file.
      const noteOnly = (verb: '--add' | '--remove', then: string): void => {
        const bin = join(dir, 'bin')
        mkdirSync(bin)
        writeFileSync(join(bin, 'dpkg-divert'), `#!/bin/sh
case "$*" in *${verb}*--rename*/conf_mode/nat64.py)
    for word; do shift; [ "$word" = --rename ] || set -- "$@" "$word"; done
    /usr/bin/dpkg-divert --no-rename "$@"
    ${then}
esac
exec /usr/bin/dpkg-divert "$@"
`, { mode: 0o755 })
        vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`)
        vi.stubEnv('TMPDIR', dir)
      }
      const fails = 'echo "dpkg-divert: error: cannot rename: No space left on device" >&2; exit 2'
      const diversions = (root: string): string => {
        const path = join(root, 'var/lib/dpkg/diversions')
        return existsSync(path) ? readFileSync(path, 'utf8') : ''
      }
      afterEach(() => { vi.unstubAllEnvs() })

      test('because the disk is full, VyOS has its files, and no diversion stays', () => {
        const { root, before, read, dpkg, install } = vyos()
        noteOnly('--add', fails)
        expect(dpkg('--install', deb).output).toContain('No space left on device')
        expectAsBefore(root, before)
        expect(diversions(root)).toBe('')
        vi.unstubAllEnvs()
        install(deb)
        expect(read(`var/lib/vyos-nat64/shipped/${script}`)).toBe(before[script])
        expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
        expectAsBefore(root, before)
      })

      test('because the power goes, the next installation finishes it', () => {
        const { root, before, read, dpkg, install } = vyos()
        // The maintainer script and dpkg above it: nobody is left to undo anything.
        noteOnly('--add', 'kill -9 "$(cut -d " " -f 4 "/proc/$PPID/stat")" "$PPID"; exit 2')
        expect(dpkg('--install', deb).status).not.toBe(0)
        expect(diversions(root)).toContain(`/${script}\n`)
        expect(existsSync(join(root, `var/lib/vyos-nat64/shipped/${script}`))).toBe(false)
        vi.unstubAllEnvs()
        install(deb)
        expect(read(script)).toBe(ours(script))
        expect(read(`var/lib/vyos-nat64/shipped/${script}`)).toBe(before[script])
        expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
        expectAsBefore(root, before)
        expect(diversions(root)).toBe('')
      })

      test('at a removal, the next one gives the file back', () => {
        const { root, before, dpkg, install } = vyos()
        install(deb)
        noteOnly('--remove', fails)
        expect(dpkg('--remove', 'vyos-nat64').status).toBe(1)
        vi.unstubAllEnvs()
        expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
        expectAsBefore(root, before)
      })
    })

    test('a file that cannot be unpacked undoes everything', () => {
      const { root, before, dpkg } = vyos()
      ownedByVyos(root, '/usr/share/vyos-nat64/op-mode-definitions/nat64.xml')
      const { status, output } = dpkg('--install', deb)
      expect(output).toContain('trying to overwrite \'/usr/share/vyos-nat64/op-mode-definitions/nat64.xml\', which is also in package vyos-1x')
      expect(status).toBe(1)
      expectAsBefore(root, before)
    })

    test('a failed upgrade leaves the version that was there', () => {
      const { root, before, dpkg, install } = vyos()
      install(deb)
      ownedByVyos(root, '/usr/share/zz/late')
      const installed = picture(root)
      const { status, output } = dpkg('--install', later)
      expect(output).toContain('trying to overwrite \'/usr/share/zz/late\'')
      expect(status).toBe(1)
      expect(picture(root)).toEqual(installed)
      expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
      expectAsBefore(root, before)
    })

    test('without VyOS\'s reference the package is not configured, VyOS has its old one, and both ways out work', () => {
      const { root, before, read, dpkg } = vyos({ tree: 'present' })
      writeFileSync(join(dir, 'fail'), '')
      const { status, output } = dpkg('--install', deb)
      expect(status).toBe(1)
      expect(output).toContain('vyos-nat64: VyOS\'s reference of its nodes stays as it is: the disk is full')
      expect([read(cache), read(tree)]).toEqual([before[cache], before[tree]])
      rmSync(join(dir, 'fail'))
      expect(dpkg('--configure', 'vyos-nat64').status).toBe(0)
      expect(read(cache)).toContain('nat46')
      writeFileSync(join(dir, 'fail'), '')
      // What was kept needs no program of VyOS's.
      expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
      expectAsBefore(root, before)
      dpkg('--install', deb)
      expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
      expectAsBefore(root, before)
    })

    test('killed between unpacking and configuring, it is configured or removed later', () => {
      const { root, before, dpkg } = vyos()
      expect(dpkg('--unpack', deb).status).toBe(0)
      expect(dpkg('--configure', '-a').status).toBe(0)
      expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
      dpkg('--unpack', deb)
      expect(dpkg('--purge', 'vyos-nat64').status).toBe(0)
      expectAsBefore(root, before)
    })
  })

  test('a reference that VyOS makes anew keeps its nodes while the package is there, and loses them with it', () => {
    const { root, read, dpkg, install } = vyos({ tree: 'present' })
    install(deb)
    // As an upgrade of VyOS's package does it: new parts, its postinst runs the program, and the tree is the new one.
    const part = join(root, 'usr/lib/python3/dist-packages/vyos/xml_ref/pkg_cache/vyos_1x_cache.py')
    writeFileSync(part, readFileSync(part, 'utf8').replace("'27'", "'28'"))
    execFileSync('/usr/bin/python3', ['-B', join(root, 'usr/lib/python3/dist-packages/vyos/xml_ref/update_cache.py')])
    writeFileSync(join(root, tree), '{"name": "", "data": {"new": 1}, "children": []}')
    writeFileSync(join(root, 'var/lib/dpkg/triggers/Unincorp'), `/${tree} vyos-nat64\n`)
    expect(dpkg('--triggers-only', 'vyos-nat64').status).toBe(0)
    expect(JSON.parse(read(tree))).toMatchObject({ data: { new: 1 }, children: [{ name: 'nat46' }, { name: 'nat64' }] })
    expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
    expect(read(cache)).toContain("'28'")
    expect(read(cache)).not.toContain('nat46')
    expect(read(tree)).toBe('{"name": "", "data": {"new": 1}, "children": []}')
    expect(existsSync(join(root, 'var/lib/vyos-nat64'))).toBe(false)
  })

  describe('where VyOS\'s program cannot make its reference anew, a removal goes on', () => {
    const folder = 'usr/lib/python3/dist-packages/vyos/xml_ref'
    const part = `${folder}/pkg_cache/vyos_1x_cache.py`
    const reference = (root: string): unknown => JSON.parse(execFileSync('/usr/bin/python3', ['-B', '-c', 'import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])["reference"]))', join(root, cache)], { encoding: 'utf8' }))
    const removed = (harm: (root: string) => void, options?: StandInOptions): ReturnType<typeof vyos> & { output: string } => {
      const made = vyos(options)
      made.install(deb)
      // What was kept does not fit any more.
      writeFileSync(join(made.root, part), made.read(part).replace("'27'", "'28'"))
      harm(made.root)
      const { status, output } = made.dpkg('--remove', 'vyos-nat64')
      expect(status, output).toBe(0)
      expect(existsSync(join(made.root, 'var/lib/vyos-nat64'))).toBe(false)
      expect(existsSync(join(made.root, `${folder}/pkg_cache/vyos_nat64_cache.py`))).toBe(false)
      expect(picture(made.root)[script]).toBe(made.before[script])
      return { ...made, output }
    }

    test.each<[string, (root: string) => void]>([
      ['and fails', () => { writeFileSync(join(dir, 'fail'), '') }],
      ['and is gone', (root) => { rmSync(join(root, folder, 'update_cache.py')) }],
    ])('%s: without what only this package has', (_name, harm) => {
      const { root, output } = removed(harm)
      expect(output).toContain('so this package\'s nodes are taken out of it: ')
      expect(reference(root)).toEqual({ system: { node_data: { owner: 'system.py' } }, nat64: { node_data: { owner: 'shipped' }, source: {} }, component_version: { system: '27' } })
    })

    test('and VyOS has no nat64: without all of it', () => {
      const { root } = removed((each) => { rmSync(join(each, folder, 'update_cache.py')) }, { nat64: false })
      expect(reference(root)).toEqual({ system: { node_data: { owner: 'system.py' } }, component_version: { system: '27' } })
    })

    test('nor its own part is there: without what cannot be VyOS\'s', () => {
      const { root } = removed((each) => { rmSync(join(each, part)) })
      expect(reference(root)).toMatchObject({ system: { node_data: { owner: 'system.py' } }, nat64: { node_data: { owner: 'shipped' } } })
      expect(reference(root)).not.toHaveProperty('nat46')
    })

    test('and what is there is no reference: as it is, which is told', () => {
      const broken = 'reference = {"nat46": '
      const { read, output } = removed((each) => {
        rmSync(join(each, folder, 'update_cache.py'))
        writeFileSync(join(each, cache), broken)
      })
      expect(read(cache)).toBe(broken)
      expect(output).toContain('keeps those of this package, to no effect but that VyOS still offers them: vyos/xml_ref/cache.py or its part')
    })

    test('and Python does not run at all', () => {
      const { output } = removed((each) => { writeFileSync(join(each, 'usr/lib/vyos-nat64/reference.py'), 'import nothing_of_that_name\n') })
      expect(output).toContain('may keep those of this package; the removal goes on')
    })
  })

  describe('a power cut while the reference is merged', () => {
    const reference = 'usr/lib/vyos-nat64/reference.py'
    const state = 'var/lib/vyos-nat64'
    /** The calls that matter for what a disk holds, of a merge that is done again from the start. */
    const traced = (root: string): string[] => {
      const trace = `import os, runpy, sys
root = sys.argv[3]
def say(what, path):
    if path.startswith(root): print(what, os.path.relpath(path, root), flush=True)
def wrap(name, tell):
    real = getattr(os, name)
    def call(*args, **options):
        tell(*args)
        return real(*args, **options)
    setattr(os, name, call)
wrap("fsync", lambda number: say("sync", os.readlink("/proc/self/fd/%d" % number)))
wrap("replace", lambda source, target: say("take", target))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")`
      return execFileSync('/usr/bin/python3', ['-B', '-c', trace, join(root, reference), 'merge', root], { encoding: 'utf8' }).trimEnd().split('\n')
    }

    test('finds the original and the record of it on the disk before the merged tree', () => {
      const { root, before, read, dpkg, install } = vyos({ tree: 'present', cache: false })
      install(deb)
      writeFileSync(join(root, tree), before[tree] ?? '')
      rmSync(join(root, state, 'reftree.cache'))
      rmSync(join(root, state, 'reftree.cache.json'))
      expect(traced(root)).toEqual([
        `sync ${state}/reftree.cache.new`, `take ${state}/reftree.cache`, `sync ${state}/reftree.cache.json.new`, `take ${state}/reftree.cache.json`, `sync ${state}`, 'sync var/lib',
        `sync ${tree}.vyos-nat64`, `take ${tree}`, 'sync usr/share/vyos',
      ])
      expect(read(tree)).toContain('nat46')
      expect(dpkg('--remove', 'vyos-nat64').status).toBe(0)
      expect(picture(root)).toEqual(before)
    })

    test('of an upgrade leaves the original to be put back', () => {
      const { root, before, read, dpkg, install } = vyos({ tree: 'present' })
      install(deb)
      const merged = read(tree)
      // The next version's nodes give another tree, whose record is there, and the tree is not.
      const definitions = join(root, 'usr/share/vyos-nat64/interface-definitions/zz.xml')
      writeFileSync(definitions, '<node name="nat99" owner="x">\n')
      execFileSync('/usr/bin/python3', ['-B', join(root, reference), 'merge', root])
      expect(read(tree)).not.toBe(merged)
      writeFileSync(join(root, tree), merged)
      execFileSync('/usr/bin/python3', ['-B', join(root, reference), 'merge', root])
      expect(read(tree)).toContain('nat99')
      rmSync(definitions)
      expect(dpkg('--remove', 'vyos-nat64').output).not.toContain('still has')
      expect(picture(root)).toEqual(before)
    })

    test('that took the original with it is told at the removal, for VyOS\'s tree cannot be made without it', () => {
      const { root, dpkg, install, read } = vyos({ tree: 'present' })
      install(deb)
      writeFileSync(join(root, state, 'reftree.cache.json'), '')
      const { status, output } = dpkg('--remove', 'vyos-nat64')
      expect(output).toContain('vyos-nat64: /usr/share/vyos/reftree.cache still has the nodes of this package, and what VyOS had there is lost')
      expect(status).toBe(0)
      expect(read(tree)).toContain('nat46')
    })
  })

  test('VyOS\'s daemons are told where they run, and only there', () => {
    const bin = join(dir, 'bin')
    mkdirSync(bin)
    const stub = (name: string, body: string): void => { writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 }) }
    for (const name of ['dpkg-divert', 'py3compile']) stub(name, '')
    stub('deb-systemd-invoke', `echo "deb-systemd-invoke $*" >> ${dir}/calls`)
    stub('python3', `case "$1" in -c) echo "python3 $2" >> ${dir}/calls ;; esac`)
    const run = (active: string, root: string): string[] => {
      stub('systemctl', `case " ${active} " in *" $3 "*) ;; *) exit 3 ;; esac`)
      writeFileSync(join(dir, 'calls'), '')
      // Units of this machine are asked about nowhere: systemctl is the stub.
      const text = readFileSync(join(projectDir, 'packaging/vyos-nat64/DEBIAN/postinst'), 'utf8').replace('[ -d /run/systemd/system ]', `[ -d ${dir} ]`)
      execFileSync('/bin/sh', ['-c', text, 'postinst', 'configure', ''], { env: { PATH: `${bin}:/usr/bin:/bin`, DPKG_ROOT: root } })
      return readFileSync(join(dir, 'calls'), 'utf8').split('\n').filter(Boolean)
    }
    expect(run('vyos-configd.service vyconfd.service', '')).toEqual([
      'deb-systemd-invoke restart vyos-configd.service', 'python3 from vyos.proto import vyconf_client; vyconf_client.send_request("reload_reftree")',
    ])
    expect(run('vyos-configd.service', '')).toEqual(['deb-systemd-invoke restart vyos-configd.service'])
    expect(run('', '')).toEqual([])
    expect(run('vyos-configd.service vyconfd.service', join(dir, 'image'))).toEqual([])
  })
})
