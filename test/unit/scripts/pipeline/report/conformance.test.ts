import { describe, expect, it } from 'vitest'
import { conformanceTable } from '../../../../../scripts/pipeline/report/conformance.ts'
import { renderHtml } from '../../../../../scripts/pipeline/report/html.ts'
import { renderJUnit } from '../../../../../scripts/pipeline/report/junit.ts'
import { buildReport, type ConformanceRow } from '../../../../../scripts/pipeline/report/report.ts'
import { sampleExtra, sampleReport } from '../../../../support/sample-report.ts'

const row = (fields: Partial<ConformanceRow>): ConformanceRow => ({ id: 'rfc7915-46-ttl', rfc: 7915, section: '4.1', title: 'TTL <one>', setup: 'jool-inline', kind: 'nat64', verdict: 'pass', detail: 'ICMP 11/0', ...fields })
const limit = { what: 'Jool has no gateway for FTP', source: 'https://example.net/issues/1' }
const rows: ConformanceRow[] = [
  row({}), row({ kind: 'nat46', verdict: 'fail', detail: 'ttl: 64, expected 63' }), row({ setup: 'jool-iptables', verdict: 'skip', detail: 'no plug-in here' }), row({ id: 'rfc7915-46-header', title: 'header', setup: 'jool-iptables', verdict: 'skip', detail: 'no plug-in here' }),
  row({ id: 'rfc6384-epsv', rfc: 6384, section: '3', title: 'EPSV', verdict: 'known-limit', detail: 'the server reads "EPSV"', limit }), row({ id: 'rfc6384-eprt', rfc: 6384, section: '3', title: 'EPRT', verdict: 'limit-gone', detail: 'the server reads "PORT"', limit }),
]

describe('the conformance table in the report', () => {
  const { text } = conformanceTable(rows)

  it('has a table for each RFC, a row for each entry and a column for each setup', () => {
    expect(text.match(/<h3>RFC \d+ <small>[^<]*/g)).toEqual(['<h3>RFC 6384 <small>1 of 2 passed, 1 known limits', '<h3>RFC 7915 <small>1 of 2 passed'])
    expect(text.match(/<th class="setup">[^<]*/g)?.slice(0, 3)).toEqual(['<th class="setup">jool-inline nat64', '<th class="setup">jool-inline nat46', '<th class="setup">jool-iptables nat64'])
    const ttl = text.split('\n').find((line) => line.includes('TTL &lt;one&gt;</td><td class="setup')) ?? ''
    expect(ttl.match(/<td class="setup [a-z]+"><span class="verdict" title="[^"]*">.<\/span>/g)).toEqual([
      '<td class="setup pass"><span class="verdict" title="ICMP 11/0">✔</span>', '<td class="setup fail"><span class="verdict" title="ttl: 64, expected 63">✘</span>', '<td class="setup skip"><span class="verdict" title="no plug-in here">–</span>',
    ])
  })

  it('says below in words what failed and what is a known limit with its source, and once what could not be asked', () => {
    const remarks = text.split('\n').filter((line) => line.startsWith('<li'))
    expect(remarks).toHaveLength(4)
    expect(remarks[0]).toContain('jool-inline nat46: TTL &lt;one&gt;: <span class="faint">ttl: 64, expected 63</span>')
    expect(remarks[1]).toContain('<span class="verdict">known-limit</span>')
    expect(remarks[1]).toContain('Jool has no gateway for FTP: <a href="https://example.net/issues/1">')
    expect(remarks[3]).toBe('<li class="skip"><span class="verdict">skip</span> jool-iptables nat64: <span class="faint">no plug-in here</span></li>')
  })

  it('counts in the headline and the figures of the page, and follows the published schema', () => {
    const report = buildReport.parse({ ...sampleReport, verdict: 'fail', smoke: { ...sampleReport.smoke, checks: [], conformance: rows } })
    const page = renderHtml(report, sampleExtra)
    expect(page).toContain('1 of 6 checks failed')
    expect(page).toContain('<dt>Conformance</dt><dd>2 passed, 1 failed, 1 known limits</dd>')
    expect(page).not.toContain('<h2>Smoke test</h2>')
    expect(renderHtml(sampleReport, sampleExtra)).not.toContain('<h2>Conformance')
  })

  it('is in junit.xml a suite for each setup, where a known limit is skipped with its source', () => {
    const xml = renderJUnit({ ...sampleReport, verdict: 'fail', smoke: { ...sampleReport.smoke!, checks: [], conformance: rows } })
    expect(xml).toContain('tests="12" failures="1"')
    expect(xml.match(/<testsuite name="conformance [^>]*/g)).toEqual([
      '<testsuite name="conformance jool-inline nat64" tests="3" failures="0" errors="0" skipped="1" time="0.000"', '<testsuite name="conformance jool-inline nat46" tests="1" failures="1" errors="0" skipped="0" time="0.000"',
      '<testsuite name="conformance jool-iptables nat64" tests="2" failures="0" errors="0" skipped="2" time="0.000"',
    ])
    expect(xml).toContain('<testcase classname="debian-12.conformance.jool-inline.nat46" name="rfc7915-46-ttl: RFC 7915, 4.1: TTL &lt;one&gt;"><failure message="ttl: 64, expected 63"/></testcase>')
    expect(xml).toContain('<skipped message="Jool has no gateway for FTP (https://example.net/issues/1): the server reads &quot;EPSV&quot;"/>')
    expect(xml).not.toContain('name="verdict"')
  })
})
