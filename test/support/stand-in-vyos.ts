import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A root with what VyOS has in the places that vyos-nat64 touches: made up here, but for names and for what its programs promise. */
export interface StandIn {
  root: string
  /** What dpkg says, also where it fails. */
  dpkg: (...args: string[]) => { status: number; output: string }
}

export interface StandInOptions {
  /** VyOS 1.3 and earlier have none. */
  nat64?: boolean
  /** Nodes below nat64 that a later VyOS might have. */
  newerNodes?: readonly string[]
  /** The XML reference cache: since 1.4. */
  cache?: boolean
  /** The second reference tree: since 2025. */
  tree?: 'absent' | 'present' | 'with a library that cannot merge'
}

/** VyOS's own templates of nat64, below the templates' folder. */
export const shippedTemplates: readonly string[] = [
  '', 'source', 'source/rule', ...['', 'description', 'disable', 'match', 'match/mark', 'source', 'source/prefix', 'translation', 'translation/pool'].map((path) => `source/rule/node.tag/${path}`).slice(1),
  ...['description', 'disable', 'port', 'protocol', 'protocol/tcp', 'protocol/udp', 'protocol/icmp', 'address'].map((path) => `source/rule/node.tag/translation/pool/node.tag/${path}`),
].map((path) => `nat64/${path === '' ? '' : `${path}/`}node.def`)

const templates = 'opt/vyatta/share/vyatta-cfg/templates'
const python = 'usr/lib/python3/dist-packages/vyos'

/** Writes where it lies, as VyOS's own does; a part of another package never wins. */
const updateCache = `import os, sys
from generate_cache import here
def merge(source, target):
    for key, value in source.items():
        if key not in target: target[key] = value
        elif isinstance(value, dict): merge(value, target[key])
    return target
names = sorted(name[:-3] for name in os.listdir(here + "/pkg_cache") if name.endswith("_cache.py"))
parts = {name: getattr(__import__("pkg_cache." + name, fromlist=[name]), "reference") for name in names}
result = parts.pop("vyos_1x_cache")
for part in parts.values(): merge(part, result)
if os.path.exists("@FAIL@"): sys.exit("the disk is full")
with open(here + "/cache.py", "w") as f: f.write("reference = " + str(result))
`

const configtree = (merges: boolean): string => `import json, os, re
def interface_definitions_to_cache(from_dir, cache_path):
    names = sorted(set(re.findall(r'<node name="(nat\\d+)" owner', "".join(open(os.path.join(from_dir, each)).read() for each in os.listdir(from_dir)))))
    with open(cache_path, "w") as f: json.dump({"name": "", "data": {}, "children": [{"name": name, "data": {"of": "vyos-nat64"}, "children": []} for name in names]}, f)
${merges ? `def merge_reference_tree_cache(cache_dir, primary_name, result_name):
    read = lambda name: json.load(open(os.path.join(cache_dir, name)))
    result = read(primary_name)
    for name in sorted(set(os.listdir(cache_dir)) - {primary_name, result_name}):
        have = {node["name"] for node in result["children"]}
        result["children"] += [node for node in read(name)["children"] if node["name"] not in have]
    with open(os.path.join(cache_dir, result_name), "w") as f: json.dump(result, f)
` : ''}`

export function standInVyos(root: string, { nat64 = true, newerNodes = [], cache = true, tree = 'absent' }: StandInOptions = {}): StandIn {
  const files = new Map<string, string>()
  const own = (path: string, text: string): void => { files.set(path, text) }
  own(`${templates}/system/node.def`, 'help: shipped: system\n')
  own('usr/libexec/vyos/conf_mode/system.py', '# shipped: system\n')
  own('opt/vyatta/share/vyatta-op/templates/show/node.def', 'help: shipped: show\n')
  own('opt/vyatta/share/vyatta-op/templates/generate/node.def', 'help: shipped: generate\n')
  if (nat64) {
    for (const path of shippedTemplates) own(`${templates}/${path}`, `help: shipped: ${path}\n`)
    own('usr/libexec/vyos/conf_mode/nat64.py', '# shipped: nat64\n')
    own('opt/vyatta/share/vyatta-op/templates/generate/nat64/node.def', 'help: shipped: generate nat64\n')
    own('opt/vyatta/share/vyatta-op/templates/generate/nat64/rule-resequence/node.def', 'help: shipped: rule-resequence\n')
  }
  for (const node of newerNodes) own(`${templates}/nat64/${node}/node.def`, `help: newer: ${node}\n`)
  const shippedReference = `{'system': {'node_data': {'owner': 'system.py'}}, ${nat64 ? '\'nat64\': {\'node_data\': {\'owner\': \'shipped\'}, \'source\': {}}, ' : ''}'component_version': {'system': '27'}}`
  if (cache) {
    own(`${python}/xml_ref/__init__.py`, '')
    own(`${python}/xml_ref/generate_cache.py`, 'import os, sys\nhere = os.path.dirname(os.path.abspath(__file__))\nsys.path.append(os.path.join(here, ".."))\nimport configtree\n')
    own(`${python}/xml_ref/update_cache.py`, updateCache.replace('@FAIL@', join(root, '../fail')))
    own(`${python}/xml_ref/pkg_cache/__init__.py`, '')
    own(`${python}/xml_ref/pkg_cache/vyos_1x_cache.py`, `reference = ${shippedReference}\n`)
  }
  own(`${python}/configtree.py`, configtree(tree !== 'with a library that cannot merge'))
  if (tree !== 'absent') own('usr/share/vyos/reftree.cache', `${JSON.stringify({ name: '', data: {}, children: [{ name: 'nat64', data: { of: 'vyos-1x' }, children: [] }] })}\n`)

  for (const [path, text] of files) put(root, path, text)
  // Made by the postinst of VyOS's package, so it is no package's file; and the formatting is VyOS's.
  if (cache) put(root, `${python}/xml_ref/cache.py`, `reference =  ${shippedReference}\n`)
  put(root, 'opt/vyatta/etc/config/config.boot', 'nat64 {\n    source {\n    }\n}\nsystem {\n}\n')
  for (const folder of ['info', 'updates', 'triggers']) mkdirSync(join(root, 'var/lib/dpkg', folder), { recursive: true })
  mkdirSync(join(root, 'tmp'))
  const installed = (name: string, version: string): string => `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: stands in\n\n`
  put(root, 'var/lib/dpkg/status', installed('vyos-1x', '1.5') + installed('nat64ctl', '0.1.0-1') + installed('python3', '3.11.2'))
  put(root, 'var/lib/dpkg/info/vyos-1x.list', ['/.', ...[...files.keys()].flatMap((path) => ways(`/${path}`))].filter((path, index, all) => all.indexOf(path) === index).map((path) => `${path}\n`).join(''))
  for (const name of ['nat64ctl', 'python3']) put(root, `var/lib/dpkg/info/${name}.list`, '/.\n')

  return {
    root,
    dpkg: (...args) => {
      try {
        const output = execFileSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', 'dpkg', `--root=${root}`, '--force-script-chrootless', '--force-not-root', '--log=/dev/null', ...args], {
          encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
        })
        return { status: 0, output }
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string }
        return { status, output: stdout }
      }
    },
  }
}

/** A path with all folders above it, from the top. */
function ways(path: string): string[] {
  return path.split('/').slice(2).reduce((all, name) => [...all, `${all.at(-1) ?? ''}/${name}`], [`/${path.split('/')[1] ?? ''}`])
}

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
  if (path.endsWith('.py') && path.includes('conf_mode')) chmodSync(join(root, path), 0o755)
}

/** Everything in a root but dpkg's own notes: folders, links, and files with their content. */
export function picture(root: string, without = /^var\/lib\/dpkg(\/|$)/): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return [path.slice(root.length + 1), entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? `-> ${readlinkSync(path)}` : readFileSync(path, 'utf8')] as const
  })
  return Object.fromEntries(entries.filter(([path]) => !without.test(path)).sort(([a], [b]) => (a < b ? -1 : 1)))
}
