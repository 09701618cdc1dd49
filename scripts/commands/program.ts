import { Argument, Command, Option } from 'commander'
import { injectModes } from '../../images/inject/artifact.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { stageNames, type StageName } from '../domain/stage-name.ts'
import { stages } from '../pipeline/stages.ts'
import { build } from './build.ts'
import { bundle, type BundleOptions } from './bundle.ts'
import { completionScript } from './completion.ts'
import { doctor } from './doctor.ts'
import { examples } from './examples.ts'
import { explain } from './explain.ts'
import { injectPackages, type InjectOptions } from './inject.ts'
import { inheriting, inspectVerb } from './inspect-verb.ts'
import { storeOption, withBuildOptions, withMirrorOptions, withResolveOptions, withTargetOption, type BuildOptions } from './options.ts'
import { oci, type OciOptions } from './oci.ts'
import { printReference } from './reference.ts'
import { smokeAny } from './smoke.ts'
import { storeCollect, storeShow } from './store.ts'
import { listTargets } from './targets.ts'

/** The command line: every verb with its options. `interrupt` ends what a verb started. */
export function createProgram(interrupt: AbortSignal): Command {
  const program = new Command('nat64-forge')
    .description('Builds and proves router images that translate between IPv6 and IPv4 (Jool), from one target file.')
    .version(packageJson.version)
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    .addHelpText('after', examples([
      ['nat64-forge build', 'everything, for Debian 12: packages, ISO, packet test'],
      ['nat64-forge build --until debs --target debian-13', 'only the packages'],
      ['nat64-forge build --locked out/debian-12/lock.yaml', 'exactly what was built before'],
      ['nat64-forge doctor', 'which Debian packages this host lacks'],
    ]))

  withBuildOptions(program.command('build').description('Build a target, from Jool\'s sources to a tested router image'))
    .addOption(new Option('--until <stage>', 'stop after this stage').choices(stageNames).default('smoke'))
    .addHelpText('after', examples([
      ['nat64-forge build --until iso --fast', 'a router image quickly, not booted'],
      ['nat64-forge build --dry-run --until modules', 'what would be compiled, with which inputs'],
      ['nat64-forge build --store /var/cache/forge --json', 'in CI: report on standard output'],
    ]))
    .action((options: BuildOptions & { until: StageName }) => build(options.until, options, interrupt))

  for (const stage of stages) {
    if (stage.name === 'smoke') continue
    withBuildOptions(program.command(stage.name).description(`Build up to this stage: ${stage.title}`))
      .addHelpText('after', examples([[`nat64-forge ${stage.name} --target debian-12`, stage.title]]))
      .action((options: BuildOptions) => build(stage.name, options, interrupt))
  }

  withBuildOptions(program.command('smoke').description('Boot the router and send packets through it; always boots, also when the result is known').addArgument(new Argument('[iso]', 'any router image, instead of the target\'s own')))
    .addHelpText('after', examples([
      ['nat64-forge smoke --target debian-12', 'build what is missing, then boot and test'],
      ['nat64-forge smoke router.iso', 'put an image of one\'s own into the lab'],
    ]))
    .action((iso: string | undefined, options: BuildOptions) => iso === undefined ? build('smoke', options, interrupt, { always: ['smoke'] }) : smokeAny(iso, options, interrupt))

  program.addCommand(inheriting(inspectVerb(interrupt)))

  const inject = program.command('inject').description('Install packages in an existing router ISO: a new ISO, the same in everything else')
    .argument('<iso>', 'a live ISO with a squashfs').argument('[debs...]', '.deb files; default: what a target\'s stages make for the ISO\'s kernel')
    .option('-o, --output <file>', 'the new ISO; must not exist').addOption(storeOption())
    .option('--packages <dir>', 'a folder with packages that these may need, as the `apt` folder of a build is; may be repeated', (dir: string, before: string[] | undefined) => [...before ?? [], dir])
    .option('--script <file>', 'a program to run in the image\'s root after the packages')
    .addOption(new Option('--kernel <what>', 'replace: the kernel among the packages takes the place of the image\'s own').choices(['keep', 'replace']).default('keep'))
    .addOption(new Option('--mode <mode>', 'graft: add what changed to the squashfs; repack: pack all of it again; layer: a second squashfs, for live boot only').choices(injectModes).default('graft'))
    .option('--diff', 'print what would change in the image, and write nothing')
    .option('--json', 'print the result as JSON').option('--verbose', 'show every command, copy-pasteable, and what it prints')
  withMirrorOptions(withResolveOptions(withTargetOption(inject, 'where no packages are given, ./nat64-forge.yaml if there is one, else that of the image\'s Debian: debian-12, debian-13')))
    .addHelpText('after', examples([
      ['nat64-forge inject router.iso -o router-nat64.iso', 'build what the target says for the image\'s kernel, and put it in'],
      ['nat64-forge inject vyos.iso --target vyos.yaml -o vyos-nat64.iso', 'the same with another target; its headers are those of the image'],
      ['nat64-forge inject router.iso out/debian-12/packages/*.deb -o router-nat64.iso', 'put what was built before into an image'],
      ['nat64-forge inject vyos.iso nat64ctl.deb --packages out/debian-12/apt --diff', 'what would change, with what it needs'],
      ['nat64-forge inject router.iso linux-image-*.deb --kernel replace -o new.iso', 'another kernel'],
    ]))
    .action((iso: string, debs: string[], options: InjectOptions) => injectPackages(iso, debs, options, interrupt))

  const bundling = program.command('bundle').description('Make one archive for a VyOS router\'s /config that installs everything, also after an upgrade of its image')
    .argument('[debs...]', '.deb files; default: what a target\'s stages make, and TAYGA')
    .requiredOption('-o, --output <file>', 'the archive, a tar; must not exist').addOption(storeOption())
    .option('--json', 'print the result as JSON').option('--verbose', 'show every command, copy-pasteable, and what it prints')
  withMirrorOptions(withResolveOptions(withTargetOption(bundling, 'where no packages are given, ./nat64-forge.yaml if there is one, else debian-12')))
    .addHelpText('after', examples([
      ['nat64-forge bundle --target vyos.yaml -o nat64-bundle.tar', 'build what the target says, and pack it'],
      ['nat64-forge bundle out/vyos/packages/*.deb tayga.deb -o nat64-bundle.tar', 'pack what was built before'],
      ['tar -xf nat64-bundle.tar -C /config && /config/nat64-forge/install', 'on the router, as root'],
    ]))
    .action((debs: string[], options: BundleOptions) => bundle(debs, options, interrupt))

  const containing = program.command('oci').description('Make a container image with TAYGA and nat64ctl, for VyOS\'s `container` and other users of podman')
    .argument('[debs...]', '.deb files: nat64ctl, and tayga where it is not to be the suite\'s; default: what a target\'s stages make')
    .requiredOption('-o, --output <file>', 'the image, an OCI layout in a tar; must not exist').addOption(storeOption())
    .addOption(new Option('--locked <file>', 'take exactly the packages of an earlier image: what --json printed').conflicts('update'))
    .option('--json', 'print the result as JSON').option('--verbose', 'show every command, copy-pasteable, and what it prints')
  withMirrorOptions(withResolveOptions(withTargetOption(containing, 'where no packages are given, ./nat64-forge.yaml if there is one, else debian-12')))
    .addHelpText('after', examples([
      ['nat64-forge oci -o nat64-oci.tar', 'build nat64ctl, and make the image'],
      ['nat64-forge oci out/debian-12/packages/nat64ctl_*.deb -o nat64-oci.tar', 'with what was built before'],
      ['sudo podman load -i nat64-oci.tar', 'on the router'],
    ]))
    .action((debs: string[], options: OciOptions) => oci(debs, options, interrupt))

  program.command('doctor').description('Show which host programs a build calls, which are missing, and why they are needed')
    .option('--json', 'print as JSON')
    .option('--install', 'install what is missing (root or sudo)')
    .option('--tests', 'include what the project\'s own tests need')
    .addHelpText('after', examples([['nat64-forge doctor --install', 'install what is missing']]))
    .action((options: { json?: boolean; install?: boolean; tests?: boolean }) => doctor(options))

  program.command('targets').description('List the shipped targets, and the kernels that are known with what each needs')
    .option('--json', 'print as JSON')
    .addHelpText('after', examples([['nat64-forge targets', 'names to give to --target']]))
    .action((options: { json?: boolean }) => listTargets(options))

  program.command('reference').description('Print what a router\'s configuration can say: every node of nat64 and nat46')
    .option('--json', 'print the table that nat64ctl checks with')
    .addHelpText('after', examples([['nat64-forge reference > configuration.md', 'the reference as Markdown']]))
    .action((options: { json?: boolean }) => printReference(options))

  withBuildOptions(program.command('explain').description('Say why a stage would run: which input of its cache key changed').addArgument(new Argument('<stage>').choices(stageNames)))
    .addHelpText('after', examples([['nat64-forge explain iso', 'why the next build makes the image again']]))
    .action((stage: StageName, options: BuildOptions) => explain(stage, options, interrupt))

  const store = program.command('store').description('Look at the store, or free space in it')
  store.command('show').description('How much the store holds').addOption(storeOption()).option('--json', 'print as JSON')
    .addHelpText('after', examples([['nat64-forge store show', 'size by kind']]))
    .action((options: { store: string; json?: boolean }) => storeShow(options))
  store.command('gc').description('Remove what was not used for longest, until the store is small enough').addOption(storeOption())
    .requiredOption('--max-size <size>', 'for example 500M or 2G')
    .addHelpText('after', examples([['nat64-forge store gc --max-size 2G', 'keep the 2 GiB used last']]))
    .action((options: { store: string; maxSize: string }) => storeCollect(options))

  program.command('completion').description('Print a completion script for a shell').addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .addHelpText('after', examples([['source <(nat64-forge completion bash)', 'complete commands, options, targets']]))
    .action((shell: 'bash' | 'zsh') => { process.stdout.write(completionScript(program, shell)) })

  return program
}
