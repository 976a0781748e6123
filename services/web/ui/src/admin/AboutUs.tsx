import { useState } from 'preact/hooks'
import { Problem, problemOf } from '../api'
import { Icon } from '../parts/Icon'
import { Note, ProblemNote } from '../parts/parts'
import { locale } from '../texts'
import { upload } from './api'
import { t } from './texts'

interface Source {
  address: string
  proved: number
  failed: number
  stopped: number
}

interface Failure {
  result: string
  server: string
  count: number
}

/** What another server has seen of mail in a domain's name; with tls, of its way to the domain. */
interface Report {
  by: string
  id: string
  from: string
  domain: string
  policy: string
  sources: Source[]
  more: number
  proved: number
  failed: number
  tls?: { good: number; failed: number; failures: Failure[]; more: number }
}

const most = 100 // files at once: a month of what three large providers send
const number = new Intl.NumberFormat(locale)
const date = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' })
const sum = (list: readonly Report[], kind: 'proved' | 'failed' | 'more') => list.reduce((n, r) => n + r[kind], 0)

/** Servers of several reports, the most mail first. */
function together(list: readonly Report[]): Source[] {
  const by = new Map<string, Source>()
  for (const s of list.flatMap((r) => r.sources)) {
    const was = by.get(s.address)
    by.set(s.address, was ? { address: s.address, proved: was.proved + s.proved, failed: was.failed + s.failed, stopped: was.stopped + s.stopped } : s)
  }
  return [...by.values()].sort((a, b) => b.proved + b.failed - a.proved - a.failed)
}

/** What failed in several reports, by kind and server, the most first. */
function failures(list: readonly Report[]): Failure[] {
  const by = new Map<string, Failure>()
  for (const f of list.flatMap((r) => r.tls?.failures ?? [])) {
    const key = f.result + '\n' + f.server
    by.set(key, { ...f, count: f.count + (by.get(key)?.count ?? 0) })
  }
  return [...by.values()].sort((a, b) => b.count - a.count)
}

/** Reads the reports that others send about the office's domains. They stay in the mailbox they came to. */
export function AboutUs() {
  const [reports, setReports] = useState<Report[]>([])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const take = async (input: HTMLInputElement) => {
    const files = [...(input.files ?? [])].slice(0, most)
    input.value = '' // the same may be chosen again
    setBusy(true)
    setProblem(undefined)
    const read: Report[] = []
    for (const file of files) {
      try {
        read.push(JSON.parse(await upload('/api/reports/read', file, () => undefined, new AbortController().signal)) as Report)
      } catch (error) {
        const p = problemOf(error)
        setProblem(new Problem(p.status, `${file.name}: ${p.message}`, p.whatToDo))
      }
    }
    setReports((was) => [...new Map([...was, ...read].map((r) => [r.by + '\n' + r.id, r])).values()])
    setBusy(false)
  }
  return (
    <section aria-labelledby="told">
      <h2 class="section" id="told">{t('told.title')}</h2>
      <p class="soft">{t('told.text')}</p>
      <ProblemNote problem={problem} />
      <div class="row-actions">
        <label class="file-button">
          <Icon name={busy ? 'busy' : 'upload'} />
          {t('told.choose')}
          <input type="file" class="unseen" multiple disabled={busy} accept=".xml,.json,.gz,.zip" onChange={(e) => void take(e.currentTarget)} />
        </label>
      </div>
      <div aria-live="polite">
        {reports.some((r) => !r.tls) && <Told reports={reports.filter((r) => !r.tls)} />}
        {reports.some((r) => r.tls) && <Reached reports={reports.filter((r) => r.tls)} />}
      </div>
    </section>
  )
}

function Told({ reports }: { reports: Report[] }) {
  const sources = together(reports)
  const failed = sum(reports, 'failed')
  const highest = Math.max(1, ...sources.map((s) => s.proved + s.failed))
  return (
    <div class="panel told">
      {failed === 0 ? <Note kind="good">{t('told.well')}</Note> : <Note kind="wait" title={t('told.bad')}>{t('told.bad.text')}</Note>}
      <ul class="legend below">
        <li class="went"><strong>{number.format(sum(reports, 'proved'))}</strong> {t('told.proved')}</li>
        <li class="failed"><strong>{number.format(failed)}</strong> {t('told.failed')}</li>
        <li><strong>{number.format(sources.reduce((n, s) => n + s.stopped, 0))}</strong> {t('told.stopped')}</li>
      </ul>
      <h3>{t('told.servers')}</h3>
      <ul class="plain-list">
        {sources.map((s) => (
          <li key={s.address}>
            <strong class="break">{s.address || t('told.unnamed')}</strong>{' '}
            <span class="soft">{t('told.numbers', { proved: number.format(s.proved), failed: number.format(s.failed), stopped: number.format(s.stopped) })}</span>
            <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
              <rect class="proved" width={(s.proved / highest) * 100} height={1} />
              <rect class="failed" x={(s.proved / highest) * 100} width={(s.failed / highest) * 100} height={1} />
            </svg>
          </li>
        ))}
      </ul>
      {sum(reports, 'more') > 0 && <p class="soft">{t('told.more', { n: number.format(sum(reports, 'more')) })}</p>}
      <From reports={reports} />
    </div>
  )
}

const From = ({ reports }: { reports: Report[] }) => <p class="soft break">{reports.map((r) => t('told.report', { by: r.by || '?', domain: r.domain, day: date.format(new Date(r.from)) })).join(' · ')}</p>

/** The ways in which a session can fail (RFC 8460 §4.3), in words; others are shown as they are. */
const kinds = ['starttls-not-supported', 'certificate-host-mismatch', 'certificate-expired', 'certificate-not-trusted', 'validation-failure', 'tlsa-invalid', 'dnssec-invalid', 'dane-required', 'sts-policy-fetch-error', 'sts-policy-invalid', 'sts-webpki-invalid'] as const
const isKind = (s: string): s is (typeof kinds)[number] => (kinds as readonly string[]).includes(s)

/** How safely others reached the office's servers. */
function Reached({ reports }: { reports: Report[] }) {
  const all = failures(reports)
  const total = (kind: 'good' | 'failed' | 'more') => reports.reduce((n, r) => n + (r.tls?.[kind] ?? 0), 0)
  const highest = Math.max(1, ...all.map((f) => f.count))
  return (
    <div class="panel told">
      {total('failed') === 0 ? <Note kind="good">{t('reached.well')}</Note> : <Note kind="wait" title={t('reached.bad')}>{t('reached.bad.text')}</Note>}
      <ul class="legend below">
        <li class="went"><strong>{number.format(total('good'))}</strong> {t('reached.good')}</li>
        <li class="failed"><strong>{number.format(total('failed'))}</strong> {t('reached.failed')}</li>
      </ul>
      {all.length > 0 && <h3>{t('reached.what')}</h3>}
      <ul class="plain-list">
        {all.map((f) => (
          <li key={f.result + f.server}>
            <strong class="break">{isKind(f.result) ? t(`reached.${f.result}`) : f.result}</strong>{' '}
            <span class="soft break">{t('reached.at', { server: f.server || t('reached.unnamed'), n: number.format(f.count) })}</span>
            <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="failed" width={(f.count / highest) * 100} height={1} /></svg>
          </li>
        ))}
      </ul>
      {total('more') > 0 && <p class="soft">{t('reached.more', { n: number.format(total('more')) })}</p>}
      <From reports={reports} />
    </div>
  )
}
