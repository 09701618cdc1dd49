import type { Exec } from './exec.ts'

// How this host reaches the network is the host's business; everything else of its apt (hooks, pins, sources) stays out.
const hostSettings = /^Acquire::(http|https|ftp|cdrom|Check-Valid-Until|Check-Date|Max-ValidTime|ForceIPv4|ForceIPv6|proxy)\b[^ ]* "[^"]+";$/i

/** An apt.conf that knows the host's proxy and validity settings and the given ones, and nothing else of the host's apt. */
export async function aptConfiguration(exec: Exec, settings: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await exec(['apt-config', 'dump'], { doing: 'read the host\'s apt configuration', secret: true })
  const fixed = {
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Sandbox::User': 'root',
    'Acquire::Retries': '3',
    ...settings,
  }
  const lines = Object.entries(fixed).map(([name, value]) => `${name} "${value}";`)
  return `${[...stdout.split('\n').filter((line) => hostSettings.test(line)), ...lines].join('\n')}\n`
}
