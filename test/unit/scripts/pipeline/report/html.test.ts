import { describe, expect, it } from 'vitest'
import { renderHtml } from '../../../../../scripts/pipeline/report/html.ts'
import type { BuildReport, SmokeReport } from '../../../../../scripts/pipeline/report/report.ts'
import { sampleExtra, sampleReport } from '../../../../support/sample-report.ts'

const html = renderHtml(sampleReport, sampleExtra)
const headlineOf = (page: string): string | undefined => /<h1>(.*)<\/h1>/.exec(page)?.[1]?.replace(/<[^>]+>/g, '')

describe('report.html', () => {
  it('says first whether the router translates packets', () => {
    expect(headlineOf(html)).toBe('✔ The router translates packets')
  })

  it('tells a build that was not smoke-tested from one that passed', () => {
    const { smoke: _, ...untested } = sampleReport
    expect(headlineOf(renderHtml(untested, sampleExtra))).toBe('✔ Built; not put to the smoke test')
    expect(headlineOf(renderHtml({ ...untested, verdict: 'fail' }, sampleExtra))).toBe('✘ The build failed')
  })

  it('lists failed checks under the verdict, linked to their rows', () => {
    const page = renderHtml(withCheck({ verdict: 'fail', detail: '12 of 32 MiB arrived' }), sampleExtra)
    expect(headlineOf(page)).toBe('✘ 1 of 7 checks failed')
    expect(page).toContain('<li><a href="#check-bios-odd">An odd check</a> <span>12 of 32 MiB arrived</span></li>')
    expect(page).toContain('<tr id="check-bios-odd" class="fail">')
  })

  it('draws each stage where the one before ended, and marks what came from the store', () => {
    expect(html).toContain('<tr><th scope="row">source</th><td class="bar"><span class="track"><span class="fill cached" style="margin-left:0.00%;width:0.00%"></span></span></td><td class="number"><span class="badge">cached</span></td>')
    // 34.212 s of 451.716 s, then debs for 12.8 s.
    expect(html).toContain('style="margin-left:0.00%;width:7.57%"')
    expect(html).toContain('style="margin-left:7.57%;width:2.83%"')
    expect(html).toContain('<td class="number">4 min 01 s</td>')
  })

  it('shows a milestone at its time since QEMU\'s start and the wait before it', () => {
    expect(html).toContain('<tr><th scope="row">boot loader</th>')
    expect(html).toContain('<td class="number">2.1 s</td><td class="number faint">+0.8 s</td>')
  })

  it('gives every artifact a link, its exact size and its whole digest', () => {
    const iso = sampleReport.artifacts[2]
    expect(html).toContain(`<a href="./debian-12.iso">debian-12.iso</a></td><td class="number" title="327\u202f155\u202f712 bytes">312.0 MiB</td><td><code class="digest" title="${String(iso?.sha256)}">${String(iso?.sha256)}</code>`)
    expect(html).toContain('href="./packages/jool-tools_4.1.13%2Bforge1-1_amd64.deb"')
  })

  it('escapes what came from the router, and shows its control characters as replaced', () => {
    const page = renderHtml(withCheck({ title: '<script>alert(1)</script>', detail: '"a" & \'b\' \u0000\u001b[31m' }), { ...sampleExtra, title: '</title><b>', notes: ['<i>'], logs: ['logs/"><img src=x>.log'] })
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(page).toContain('&quot;a&quot; &amp; &#39;b&#39; \ufffd\ufffd[31m')
    expect(page).not.toMatch(/<script|<i>|<img|<b>|\0/)
  })

  it('needs nothing but itself: no scripts, no external resources', () => {
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|https?:/)
  })

  it('leaves no tag open', () => {
    const open: string[] = []
    for (const [, close, name = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
      if (['meta', 'br'].includes(name)) continue
      if (close === '') open.push(name)
      else expect(open.pop()).toBe(name)
    }
    expect(open).toEqual([])
  })
})

function withCheck(changes: Partial<SmokeReport['checks'][number]>): BuildReport {
  const smoke = sampleReport.smoke!
  const check = { id: 'bios/odd', title: 'An odd check', verdict: 'pass' as const, detail: '', ...changes }
  return { ...sampleReport, verdict: check.verdict === 'fail' ? 'fail' : 'pass', smoke: { ...smoke, checks: [...smoke.checks, check] } }
}
