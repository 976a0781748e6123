import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { query, setQuery } from '../router'
import { office, type LogLine, type LogPage } from './api'
import { Day, dayAsked } from './Day'
import { useLoad, useSettled } from './load'
import { Check, Pick } from './Pick'
import { Search } from './Search'
import { Empty, State, When } from './show'
import { t } from './texts'

/** How often the box is asked for what is new, in milliseconds. */
const pace = 2000
/** How many lines are kept while somebody follows: a browser shows them without delay. */
const most = 1000
/** How many lines are shown at once, on a screen and on a phone: an answer may have some hundred. */
const atOnce = { wide: 100, narrow: 25 }
/** How much of a line's facts a phone shows in two lines, in characters. */
const brief = 90

interface Added {
  key: string // of the question they belong to
  newer: LogLine[]
  older: LogLine[]
  shown: number // of first and older
  newest?: string | undefined
  next?: string | undefined
  busy?: boolean
  lost?: boolean
  problem?: Problem | undefined
}

/** /admin/box/log: what the box wrote down, the newest first. */
export function Log() {
  const asked = (name: string) => query.value.get(name) ?? ''
  const q = useSettled(asked('q'))
  const [unit, level, from, until, follow] = [asked('unit'), asked('level'), asked('from'), asked('until'), asked('follow') === 'yes']
  const filter = { ...(q && { q }), ...(unit && { unit }), ...(level && { level }), ...dayAsked('from', from, 0), ...dayAsked('until', until, 1) }
  const key = JSON.stringify(filter)
  const narrow = useNarrow()
  const step = narrow ? atOnce.narrow : atOnce.wide
  const first = useLoad(() => office.log(filter), [key])
  const [kept, setKept] = useState<Added>({ key, newer: [], older: [], shown: step })
  const added: Added = kept.key === key ? kept : { key, newer: [], older: [], shown: step }
  const newest = added.newest ?? first.data?.newest
  const next = added.next ?? first.data?.next

  const add = async (place: Record<string, string>, how: (now: Added, page: LogPage) => Added) => {
    setKept({ ...added, busy: true })
    try {
      const page = await office.log({ ...filter, ...place })
      setKept((now) => (now.key === key ? { ...how(now, page), busy: false, problem: undefined } : now))
    } catch (error) {
      setKept((now) => (now.key === key ? { ...now, busy: false, problem: problemOf(error) } : now))
    }
  }
  useEffect(() => {
    if (!follow || !newest || added.busy || first.busy) return
    const timer = setTimeout(() => {
      if (document.visibilityState !== 'visible') return setKept({ ...added }) // and look again later
      void add({ after: newest }, (now, page) => ({ ...now, newest: page.newest, lost: now.lost || !!page.lost, newer: [...page.lines, ...now.newer].slice(0, most) }))
    }, pace)
    return () => clearTimeout(timer)
  }, [follow, newest, kept, first.busy, key])

  const lines = [...added.newer, ...(first.data?.lines ?? []), ...added.older]
  const visible = lines.slice(0, added.newer.length + added.shown)
  const further = () => {
    if (added.busy) return
    if (visible.length < lines.length) return setKept({ ...added, shown: added.shown + step })
    if (next) void add({ before: next }, (now, page) => ({ ...now, next: page.next ?? '', older: [...now.older, ...page.lines], shown: now.shown + step }))
  }
  const units = [...new Set([...lines.map((l) => l.unit), ...(unit ? [unit] : [])])].sort()
  return (
    <>
      <p class="soft below">{t('log.lead')}</p>
      <div class="tools">
        <Search label={t('log.search')} />
        {!narrow && <Day name="from" label={t('log.from')} value={from} />}
        {!narrow && <Day name="until" label={t('log.until')} value={until} />}
      </div>
      <Sift narrow={narrow} set={[from, until, level, unit].filter(Boolean).length}>
        {narrow && <Day name="from" label={t('log.from')} value={from} />}
        {narrow && <Day name="until" label={t('log.until')} value={until} />}
        <Pick label={t('log.level')} value={level} onValue={(v) => setQuery('level', v)} options={[['', t('log.level.all')], ['warn', t('log.level.warn')], ['error', t('log.level.error')]]} />
        <Pick label={t('log.unit')} value={unit} onValue={(v) => setQuery('unit', v)} options={[['', t('log.unit.all')], ...units.map((u) => [u, u] as const)]} />
        <Check label={t('log.follow')} value={follow} onValue={(on) => setQuery('follow', on ? 'yes' : '')} />
      </Sift>
      {first.absent ? <Note kind="info">{t('log.absent')}</Note> : <ProblemNote problem={first.problem ?? added.problem} />}
      {added.lost && <Note kind="info">{t('log.lost')}</Note>}
      {!first.data && !first.problem && <Busy label={t('loading')} />}
      {lines.length > 0 && (
        <table class="list brief log">
          <thead>
            <tr>
              <th scope="col">{t('log.col.what')}</th>
              <th scope="col">{t('log.level')}</th>
              <th scope="col">{t('log.unit')}</th>
              <th scope="col">{t('log.col.at')}</th>
            </tr>
          </thead>
          <tbody>{visible.map((l, i) => <Row key={i - added.newer.length} line={l} />)}</tbody>
        </table>
      )}
      {first.data && lines.length === 0 && !next && <Empty icon="list" title={t('log.none')}>{t('log.none.text')}</Empty>}
      {first.data && lines.length === 0 && next && <p class="empty">{t('log.none.yet')}</p>}
      {(next || visible.length < lines.length) && (
        <div class="row-actions">
          <button type="button" aria-disabled={added.busy} onClick={further}>{t('log.more')}</button>
        </div>
      )}
    </>
  )
}

/** Whether there is the room of a phone, as the styles see it. */
function useNarrow(): boolean {
  const [phone] = useState(() => matchMedia('(max-width: 640px)'))
  const [narrow, setNarrow] = useState(phone.matches)
  useEffect(() => {
    const look = () => setNarrow(phone.matches)
    phone.addEventListener('change', look)
    return () => phone.removeEventListener('change', look)
  }, [])
  return narrow
}

/** What else lines are picked by: on a phone folded away, so that the lines begin on the first screen. */
function Sift({ narrow, set, children }: { narrow: boolean; set: number; children: ComponentChildren }) {
  const [open, setOpen] = useState(set > 0)
  if (!narrow) return <div class="tools">{children}</div>
  return (
    <details class="aside" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{set > 0 ? t('log.sift.set', { n: set }) : t('log.sift')}</summary>
      <div class="tools">{children}</div>
    </details>
  )
}

function Row({ line }: { line: LogLine }) {
  const { time, level, unit, msg, ...rest } = line
  const facts = Object.entries(rest).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ')
  const [whole, setWhole] = useState(false)
  return (
    <tr>
      <th scope="row">
        <span class="break">{msg}</span>
        {facts && <small class={'soft break facts-line' + (whole ? ' whole' : '')}> {facts}</small>}
        {facts.length > brief && <button type="button" class="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>{t(whole ? 'log.less' : 'log.whole')}<span class="unseen">: {msg}</span></button>}
      </th>
      <td class={level === 'ERROR' || level === 'WARN' ? '' : 'usual'} data-label={t('log.level')}>
        {level === 'ERROR' ? <State kind="bad">{t('log.is.error')}</State> : level === 'WARN' ? <State kind="wait">{t('log.is.warn')}</State> : <span class="soft">{t('log.is.info')}</span>}
      </td>
      <td class="soft" data-label={t('log.unit')}>{unit}</td>
      <td class="soft nowrap" data-label={t('log.col.at')}>{time && <When at={time} />}</td>
    </tr>
  )
}
