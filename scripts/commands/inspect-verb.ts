import { Command } from 'commander'
import { examples } from './examples.ts'

/** The verb alone; what it does is loaded when it is called. */
export function inspectVerb(interrupt: AbortSignal): Command {
  return new Command('inspect').description('Say what is in a router image, what would translate there, and whether given modules load')
    .argument('<image>', 'an ISO, a squashfs, or a folder with an unpacked root')
    .option('--modules <files...>', 'kernel modules (.ko, also .xz, .zst, .gz) or packages with modules (.deb) to judge')
    .option('--json', 'print the report as JSON')
    .option('--verbose', 'show every command, copy-pasteable')
    .addHelpText('after', examples([
      ['nat64-forge inspect vyos.iso', 'will Jool load there, and what to do if not'],
      ['nat64-forge inspect vyos.iso --modules *.ko', 'would these modules load there'],
      ['nat64-forge inspect --json /mnt/root', 'an unpacked root, for programs'],
    ]))
    .action(async (image: string, options: { json?: boolean; modules?: string[]; verbose?: boolean }) => {
      const { inspectImage } = await import('./inspect.ts')
      await inspectImage(image, options, interrupt)
    })
}

/** The command line when the verb is `inspect`: without the stages, which take more memory than looking into an image does. */
export function inspectProgram(interrupt: AbortSignal): Command {
  return new Command('nat64-forge').exitOverride().addCommand(inheriting(inspectVerb(interrupt)))
}

/** A verb made on its own lacks what `program.command()` hands on. */
export function inheriting(verb: Command): Command {
  return verb.showHelpAfterError('(add --help for what is possible)').exitOverride()
}
