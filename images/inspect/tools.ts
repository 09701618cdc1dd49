import { kernelImageTools } from '../../scripts/formats/bzimage.ts'
import { frameTools } from '../../scripts/formats/unpack-frames.ts'
import type { HostTool } from '../../scripts/lib/host-tools.ts'

/** Host programs that reading an image may call; which ones depends on how the image is compressed. */
export const inspectTools: readonly HostTool[] = [
  ...frameTools, ...kernelImageTools,
  { command: 'mcopy', package: 'mtools', why: 'reads the EFI system partition' },
  { command: 'dpkg-deb', package: 'dpkg', why: 'unpacks packages with modules' },
]
