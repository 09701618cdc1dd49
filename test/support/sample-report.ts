import { sha256Of } from '../../scripts/lib/digest.ts'
import type { ReportExtra } from '../../scripts/pipeline/report/html.ts'
import { buildReport, type BuildReport } from '../../scripts/pipeline/report/report.ts'

const check = (id: string, title: string, detail: string, verdict: 'pass' | 'fail' | 'skip' = 'pass'): object => ({ id, title, verdict, detail })
const file = (path: string, sizeBytes: number): object => ({ path, sha256: sha256Of(path), sizeBytes })

/** A build as a person would see it: two stages from the store, four made, two boots. */
export const sampleReport: BuildReport = buildReport.parse({
  target: 'debian-12',
  verdict: 'pass',
  stages: [
    { name: 'source', key: sha256Of('source'), cached: true, ms: 0 },
    { name: 'headers', key: sha256Of('headers'), cached: true, ms: 0 },
    { name: 'modules', key: sha256Of('modules'), cached: false, ms: 34_212 },
    { name: 'debs', key: sha256Of('debs'), cached: false, ms: 12_800 },
    { name: 'iso', key: sha256Of('iso'), cached: false, ms: 241_300 },
    { name: 'smoke', key: sha256Of('smoke'), cached: false, ms: 163_404 },
  ],
  artifacts: [
    file('apt/Packages', 4210), file('apt/Release', 1380),
    file('debian-12.iso', 327_155_712), file('lock.yaml', 48_211),
    file('packages/jool-modules-6.1.0-56-amd64_4.1.13+forge1-1_amd64.deb', 171_224), file('packages/jool-tools_4.1.13+forge1-1_amd64.deb', 98_412),
  ],
  smoke: {
    accelerator: 'tcg',
    milestones: [
      { name: 'bios/firmware', ms: 1_310 }, { name: 'bios/boot loader', ms: 2_080 }, { name: 'bios/kernel', ms: 9_870 }, { name: 'bios/init', ms: 31_204 },
      { name: 'bios/login', ms: 71_400 }, { name: 'bios/module loaded', ms: 83_016 }, { name: 'bios/first translated packet', ms: 84_207 },
      { name: 'uefi/firmware', ms: 4_410 }, { name: 'uefi/kernel', ms: 16_020 }, { name: 'uefi/login', ms: 78_100 }, { name: 'uefi/first translated packet', ms: 91_000 },
    ],
    checks: [
      check('bios/modules', 'Modules are loaded and of the tools\' version', 'jool 4.1.13, jool_siit 4.1.13, tools 4.1.13'),
      check('bios/ping', 'ICMP echo from the IPv6 host reaches the IPv4 host', '5 of 5 answered, 1.9 ms'),
      check('bios/tcp-bulk', '32 MiB over TCP arrive unchanged', '32.0 MiB in 0.9 s, SHA-256 equal'),
      check('bios/parallel', '500 connections at once, none lost', '500 of 500 answered; 500 sessions seen'),
      check('bios/pmtu', 'A smaller MTU on the way is noticed', 'not asked of this boot', 'skip'),
      check('uefi/ping', 'ICMP echo from the IPv6 host reaches the IPv4 host', '5 of 5 answered, 2.2 ms'),
    ],
  },
})

export const sampleExtra: ReportExtra = {
  title: 'debian-12',
  generatedFrom: { joolVersion: '4.1.13', kernelRelease: '6.1.0-56-amd64', suite: 'bookworm' },
  notes: ['Jool 4.1.13 on a 6.12 kernel is beyond upstream\'s claim, and was verified here.'],
  logs: ['logs/modules.log', 'logs/bios-console.log'],
}
