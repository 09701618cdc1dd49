import type { CliTree } from '../tree.ts'
import { definitions, type Completion, type Constraint, type Definition } from './definition.ts'

/**
 * The configuration's templates: the text of each `node.def`, by its path below `/opt/vyatta/share/vyatta-cfg/templates`, byte for byte as VyOS's own builder
 * makes them of the interface definitions.
 */
export function configurationTemplates(tree: CliTree): Map<string, string> {
  return new Map(definitions(tree).flatMap((root) => templates(root, root.name)))
}

function templates(node: Definition, path: string): [string, string][] {
  const inside = node.kind === 'tagNode' ? `${path}/node.tag` : path
  return [[`${path}/node.def`, template(node)], ...node.children.flatMap((child) => templates(child, `${inside}/${child.name}`))]
}

function template({ kind, help, owner, priority, defaultValue, valueHelp, completion, constraint, multi, valueless }: Definition): string {
  const isDefault = (format: string): string => format === defaultValue ? ' (default)' : ''
  return [
    ...(kind === 'tagNode' ? ['tag:'] : []),
    ...(multi ? ['multi:'] : []),
    ...(kind === 'node' || valueless ? [] : ['type: txt']),
    ...(priority === undefined ? [] : [`priority: ${String(priority)}`]),
    `help: ${filled(defaultValue === undefined ? help : `${help} (default: ${defaultValue})`)}`,
    ...valueHelp.map(({ format, description }) => `val_help: ${format}; ${description}${isDefault(format)}`),
    ...(completion.length === 0 ? [] : [`allowed: ${completion.map(completionCommand).join(' && echo " " && ')}`]),
    ...(constraint === undefined ? [] : [`syntax:expression: ${expression(constraint)}`]),
    ...(owner === undefined ? [] : [`end: sudo sh -c "\${vyshim} ${owner}"`]),
  ].map((line) => `${line}\n`).join('')
}

function completionCommand({ kind, text }: Completion): string {
  switch (kind) {
    case 'list': return `echo "${text}"`
    case 'path': return `/bin/cli-shell-api listNodes ${text}`
    case 'script': return `sh -c "${text}"`
    default: return kind satisfies never
  }
}

/** Runs VyOS's program that holds a value against all of them. Blanks stand where its builder has them, whether something is between them or not. */
function expression({ regexes, validators, message }: Constraint): string {
  const patterns = regexes.map((regex) => `--regex \\'${regex.replaceAll('\\', '\\\\')}\\'`).join(' ')
  const programs = validators.map(({ name, argument = '' }) => `--exec \\"\${vyos_validators_dir}/${name} ${argument}\\"`).join(' ')
  return `exec "\${vyos_libexec_dir}/validate-value ${patterns} ${programs}  --value \\'$VAR(@)\\'"; "${message}"`
}

/** Lines as VyOS shows help: of 64 characters, the next ones three tabs in, which count as three. Words may part after a hyphen between letters. */
export function filled(help: string): string {
  const width = 64
  const result: string[] = []
  let line = ''
  for (const word of help.split(/\s+/)) {
    word.split(/(?<=[a-zA-Z]{2}-)(?=[a-zA-Z]{2})/).forEach((part, index) => {
      const joint = index > 0 || line === '' ? '' : ' '
      const indent = result.length === 0 ? 0 : 3
      if (line !== '' && indent + line.length + joint.length + part.length > width) {
        result.push(line)
        line = part
      } else {
        line = `${line}${joint}${part}`
      }
    })
  }
  return [...result, line].join('\n\t\t\t')
}
