import { call } from '../api'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { locale } from '../texts'
import { useLoad } from './load'
import { size, State } from './show'
import { count, t } from './texts'

interface Disk {
  device: string
  model?: string
  serial?: string
  bytes: number
  own: boolean
  total?: number // of the part with the mail
  free?: number
  health?: Health // not there: it doesn't say how it is
  findings: { what: string; what_to_do?: string }[]
}

/** What a disk says of itself; -1 where it doesn't tell. */
interface Health {
  failing: boolean
  reallocated: number
  pending: number
  errors: number
  worn: number
  celsius: number
  hours: number
}

const degrees = new Intl.NumberFormat(locale, { style: 'unit', unit: 'celsius' })
const percent = new Intl.NumberFormat(locale, { style: 'percent' })
const perYear = 24 * 365

/** How often the box is asked: a stick that was plugged in is to be seen soon. */
const soon = 10_000

/** /admin/box/disks: the disks that the box sees. */
export function Disks() {
  const loaded = useLoad(() => call<{ disks: Disk[] }>('GET', '/api/disks').then((r) => r.disks), [], soon)
  const own = loaded.data?.filter((d) => d.own) ?? []
  const others = loaded.data?.filter((d) => !d.own) ?? []
  return (
    <>
      <ProblemNote problem={loaded.absent ? undefined : loaded.problem} />
      {loaded.absent && <Note kind="info">{t('disk.absent')}</Note>}
      {!loaded.data && !loaded.problem && <Busy label={t('loading')} />}
      {own.map((d) => <Own key={d.device} disk={d} />)}
      {loaded.data && own.length === 0 && <Note kind="bad" title={t('disk.none')}>{t('disk.none.text')}</Note>}
      {loaded.data && (
        <section class="panel narrow">
          <h2>{t('disk.others')}</h2>
          <p class="soft">{t('disk.others.text')}</p>
          {others.length === 0 ? <p>{t('disk.others.none')}</p> : (
            <ul class="cards">
              {others.map((d) => (
                <li key={d.device}>
                  <strong class="break">{d.model || d.device}</strong>
                  <p class="soft break">{[size(d.bytes), d.serial && t('disk.serial', { serial: d.serial }), d.device].filter(Boolean).join(' · ')}</p>
                </li>
              ))}
            </ul>
          )}
        </section>
      )}
    </>
  )
}

function Own({ disk: d }: { disk: Disk }) {
  const h = d.health
  const used = d.total ? d.total - (d.free ?? 0) : 0
  const bad = h?.failing || (h?.pending ?? 0) > 0
  return (
    <section class="panel narrow">
      <div class="panel-head">
        <h2 class="break">{d.model || d.device}</h2>
        {h && <State kind={bad ? 'bad' : d.findings.length ? 'wait' : 'good'}>{t(bad ? 'disk.bad' : d.findings.length ? 'disk.worth' : 'disk.good')}</State>}
      </div>
      <p class="soft">{t('disk.own')}</p>
      {d.findings.map((f) => <Note key={f.what} kind={bad ? 'bad' : 'wait'} title={f.what}>{f.what_to_do}</Note>)}
      {d.total ? (
        <>
          <p class="below">{t('disk.free', { free: size(d.free ?? 0), all: size(d.total) })}</p>
          <progress class="bar" aria-label={t('disk.used')} max={d.total} value={used} />
        </>
      ) : null}
      {!h && <Note kind="info" title={t('disk.silent')}>{t('disk.silent.text')}</Note>}
      <dl class="facts">
        <dt>{t('disk.size')}</dt>
        <dd>{size(d.bytes)}</dd>
        {h && h.worn >= 0 && <><dt>{t('disk.worn')}</dt><dd>{percent.format(h.worn / 100)}</dd></>}
        {h && h.celsius >= 0 && <><dt>{t('disk.warm')}</dt><dd>{degrees.format(h.celsius)}</dd></>}
        {h && h.hours >= 0 && <><dt>{t('disk.age')}</dt><dd>{h.hours < perYear ? count('disk.days', Math.floor(h.hours / 24)) : count('disk.years', Math.round((h.hours / perYear) * 10) / 10)}</dd></>}
        {h && h.pending >= 0 && <><dt>{t('disk.pending')}</dt><dd>{h.pending.toLocaleString(locale)}</dd></>}
        {h && h.reallocated >= 0 && <><dt>{t('disk.replaced')}</dt><dd>{h.reallocated.toLocaleString(locale)}</dd></>}
        {h && h.errors >= 0 && <><dt>{t('disk.errors')}</dt><dd>{h.errors.toLocaleString(locale)}</dd></>}
        {d.serial && <><dt>{t('disk.number')}</dt><dd class="break">{d.serial}</dd></>}
        <dt>{t('disk.device')}</dt>
        <dd>{d.device}</dd>
      </dl>
    </section>
  )
}
