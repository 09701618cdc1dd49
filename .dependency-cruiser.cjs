// Who may import whom: the table of ARCHITECTURE.md as rules. Type-only imports count.

const ours = '^(scripts|kernel|packaging|images|test)/'
/** In their order: data flows one way. */
const stages = ['kernel/source', 'kernel/headers', 'kernel/modules', 'packaging/debs', 'images/iso', 'images/smoke']
const small = ['^scripts/lib/', '^scripts/domain/']

/** `from` may import these of our own files, and no others. */
const mayImport = (name, from, allowed) => ({ name, severity: 'error', from, to: { path: ours, pathNot: allowed } })

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    mayImport('lib-and-domain-stand-alone', { path: small }, small),
    mayImport('formats-read-bytes', { path: '^scripts/formats/' }, [...small, '^scripts/formats/']),
    mayImport('pipeline-knows-no-stage', { path: '^scripts/pipeline/', pathNot: '^scripts/pipeline/stages\\.ts$' }, [...small, '^scripts/pipeline/(?!stages\\.ts$)']),
    mayImport('the-list-of-stages', { path: '^scripts/pipeline/stages\\.ts$' }, ['^scripts/pipeline/stage\\.ts$', ...stages.map((stage) => `^${stage}/stage\\.ts$`)]),
    mayImport('inspect-is-an-input', { path: '^images/inspect/' }, [...small, '^scripts/formats/', '^images/inspect/']),
    mayImport('inject-reads-with-inspect', { path: '^images/inject/' }, [...small, '^scripts/formats/', '^images/inject/', '^images/inspect/artifact\\.ts$']),
    mayImport('the-cli-tree-is-data', { path: '^packaging/cli-tree/' }, [...small, '^packaging/cli-tree/']),
    mayImport('the-bundle-packs-packages', { path: '^packaging/bundle/' }, [...small, '^packaging/bundle/', '^packaging/debs/artifact\\.ts$']),
    mayImport('the-container-packs-packages', { path: '^packaging/oci/' }, [...small, '^packaging/oci/']),
    mayImport('the-catalogue-is-data', { path: '^kernel/catalogue/' }, [...small, '^kernel/catalogue/']),
    mayImport('compiling-and-signing-is-shared', { path: '^kernel/(compile|signing)/' }, [...small, '^scripts/formats/', '^scripts/pipeline/stage\\.ts$', '^kernel/(compile|signing)/']),
    ...stages.map((stage, index) => mayImport(`${stage.split('/')[1]}-reads-earlier-artifacts`, { path: `^${stage}/` }, [
      ...small, '^scripts/formats/', '^scripts/pipeline/stage\\.ts$', `^${stage}/`, '^images/inspect/artifact\\.ts$', ...(/^kernel\/(headers|modules)$/.test(stage) ? ['^kernel/(catalogue|compile|signing)/'] : []), ...(stage === 'images/iso' ? ['^kernel/signing/', '^images/inject/artifact\\.ts$', '^package\\.json$'] : []), ...(stage === 'packaging/debs' ? ['^packaging/cli-tree/', '^package\\.json$'] : []),
      ...stages.slice(0, index).map((earlier) => `^${earlier}/artifact\\.ts$`),
    ])),
    mayImport('commands-use-everything-below', { path: '^scripts/commands/' }, ['^scripts/(commands|pipeline|lib|domain|formats)/', '^images/(inspect|inject)/artifact\\.ts$', '^kernel/catalogue/', '^packaging/cli-tree/', '^packaging/(bundle|oci)/artifact\\.ts$', ...stages.map((stage) => `^${stage}/`), '^package\\.json$']),
    { name: 'nothing-needs-the-tests', severity: 'error', from: { pathNot: '^(test/|vitest\\.config\\.ts$)' }, to: { path: '^test/' } },
    { name: 'nothing-needs-developer-tools', severity: 'error', from: { pathNot: '^(test|scripts/dev)/' }, to: { path: '^scripts/dev/' } },
    {
      name: 'plans-are-pure', severity: 'error', from: { path: '/plan\\.ts$' },
      to: { path: '^(node:)?(fs|fs/promises|child_process|os|net|http|https|dns|process|timers|timers/promises|worker_threads)$' },
    },
    {
      name: 'runs-without-developer-packages', severity: 'error', from: { path: ours, pathNot: '^(test|scripts/dev)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'packages-are-declared', severity: 'error', from: { path: ours }, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] } },
    { name: 'imports-exist', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
}
