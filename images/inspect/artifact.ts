// The door of inspect: all that stages and commands may use of it.
//
//   await using image = await openRouterImage('router.iso', { exec })
//   const kernel = await bootedKernel(image)              // release, config, configText …
//   const system = await systemOf(image)                  // suite, VyOS version, architecture, packages
//   const root = await image.root()                       // root.readFile('etc/os-release'), root.list('boot')
//   const inside = await readKernelImage(image, kernel)   // vermagic, exports with CRCs, certificates
//   const crcs = await collectImageCrcs(image, kernel)    // symbol → CRCs that the image exports and imports
//   const report = await inspect(image, { modules: ['jool.ko'] })
export { commandLinesOf } from './command-lines.ts'
export type { ImageEntry, ImageRoot, ReadOptions } from './image.ts'
export { collectImageCrcs, type ImageCrc, type ImageCrcs } from './image-crcs.ts'
export { inspect, type InspectOptions } from './inspect.ts'
export { bootedKernel, kernelsIn, signingPolicyOf, type ImageKernel, type SigningPolicy } from './kernel.ts'
export { readKernelImage, type KernelImage } from './kernel-image.ts'
export { checksumFiles, isoFacts } from './iso-facts.ts'
export { manifestPath, parseManifest, type InjectManifest } from './manifest.ts'
export { refusalOf } from './refusal.ts'
export type { BootRecord, EngineVerdict, InspectReport, IsoFacts, KernelFacts, ModuleProblem, ModuleVerdict, ShippedJool, SquashfsFacts, SystemFacts } from './report.ts'
export { layerBeside, openRouterImage, toChange, type RouterImage } from './router-image.ts'
export { systemOf, type ImageSystem } from './system.ts'
export { inspectTools } from './tools.ts'
