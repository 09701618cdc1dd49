import type { CliTree } from '../tree.ts'
import { definitions, type Completion, type Constraint, type Definition } from './definition.ts'
import { document, type Element } from './xml.ts'

/** `interface-definitions/NAME.xml` of each root, as VyOS's own source has them after its includes are put in; by file name. */
export function interfaceDefinitions(tree: CliTree): Map<string, string> {
  return new Map(definitions(tree).map((root) => [`${root.name}.xml`, document({ name: 'interfaceDefinition', children: [element(root)] })]))
}

function element(node: Definition): Element {
  const { kind, name, owner, defaultValue, children } = node
  return {
    name: kind,
    attributes: { name, ...(owner === undefined ? {} : { owner }) },
    children: [
      { name: 'properties', children: properties(node) },
      ...(defaultValue === undefined ? [] : [{ name: 'defaultValue', text: defaultValue }]),
      ...(kind === 'leafNode' ? [] : [{ name: 'children', children: children.map(element) }]),
    ],
  }
}

function properties({ help, priority, valueHelp, completion, constraint, multi, valueless }: Definition): Element[] {
  return [
    { name: 'help', text: help },
    ...(priority === undefined ? [] : [{ name: 'priority', text: String(priority) }]),
    ...completionHelp(completion),
    ...valueHelp.map(({ format, description }) => ({ name: 'valueHelp', children: [{ name: 'format', text: format }, { name: 'description', text: description }] })),
    ...(constraint === undefined ? [] : constraintElements(constraint)),
    ...(multi ? [{ name: 'multi' }] : []),
    ...(valueless ? [{ name: 'valueless' }] : []),
  ]
}

/** Also of operational commands. */
export function completionHelp(completion: readonly Completion[]): Element[] {
  return completion.length === 0 ? [] : [{ name: 'completionHelp', children: completion.map(({ kind, text }) => ({ name: kind, text })) }]
}

function constraintElements({ regexes, validators, message }: Constraint): Element[] {
  return [
    {
      name: 'constraint',
      children: [
        ...regexes.map((text) => ({ name: 'regex', text })),
        ...validators.map(({ name, argument }) => ({ name: 'validator', attributes: { name, ...(argument === undefined ? {} : { argument }) } })),
      ],
    },
    { name: 'constraintErrorMessage', text: message },
  ]
}
