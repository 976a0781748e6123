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

interface Added {
  key: string // of the question they belong to
  newer: LogLine[]
  older: LogLine[]
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
  const first = useLoad(() => office.log(filter), [key])
  const [kept, setKept] = useState<Added>({ key, newer: [], older: [] })
  const added: Added = kept.key === key ? kept : { key, newer: [], older: [] }
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
  const units = [...new Set([...lines.map((l) => l.unit), ...(unit ? [unit] : [])])].sort()
  return (
    <>
      <p class="soft below">{t('log.lead')}</p>
      <div class="tools">
        <Search label={t('log.search')} />
        <Day name="from" label={t('log.from')} value={from} />
        <Day name="until" label={t('log.until')} value={until} />
      </div>
      <div class="tools">
        <Pick label={t('log.level')} value={level} onValue={(v) => setQuery('level', v)} options={[['', t('log.level.all')], ['warn', t('log.level.warn')], ['error', t('log.level.error')]]} />
        <Pick label={t('log.unit')} value={unit} onValue={(v) => setQuery('unit', v)} options={[['', t('log.unit.all')], ...units.map((u) => [u, u] as const)]} />
        <Check label={t('log.follow')} value={follow} onValue={(on) => setQuery('follow', on ? 'yes' : '')} />
      </div>
      {first.absent ? <Note kind="info">{t('log.absent')}</Note> : <ProblemNote problem={first.problem ?? added.problem} />}
      {added.lost && <Note kind="info">{t('log.lost')}</Note>}
      {!first.data && !first.problem && <Busy label={t('loading')} />}
      {lines.length > 0 && (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">{t('log.col.what')}</th>
              <th scope="col">{t('log.level')}</th>
              <th scope="col">{t('log.unit')}</th>
              <th scope="col">{t('log.col.at')}</th>
            </tr>
          </thead>
          <tbody>{lines.map((l, i) => <Row key={i - added.newer.length} line={l} />)}</tbody>
        </table>
      )}
      {first.data && lines.length === 0 && !next && <Empty icon="list" title={t('log.none')}>{t('log.none.text')}</Empty>}
      {first.data && lines.length === 0 && next && <p class="empty">{t('log.none.yet')}</p>}
      {next && (
        <div class="row-actions">
          <button type="button" aria-disabled={added.busy} onClick={() => {
            if (!added.busy) void add({ before: next }, (now, page) => ({ ...now, next: page.next ?? '', older: [...now.older, ...page.lines] }))
          }}>{t('log.more')}</button>
        </div>
      )}
    </>
  )
}

function Row({ line }: { line: LogLine }) {
  const { time, level, unit, msg, ...rest } = line
  const facts = Object.entries(rest)
  return (
    <tr>
      <th scope="row">
        <span class="break">{msg}</span>
        {facts.length > 0 && <small class="soft break facts-line"> {facts.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ')}</small>}
      </th>
      <td data-label={t('log.level')}>
        {level === 'ERROR' ? <State kind="bad">{t('log.is.error')}</State> : level === 'WARN' ? <State kind="wait">{t('log.is.warn')}</State> : <span class="soft">{t('log.is.info')}</span>}
      </td>
      <td class="soft" data-label={t('log.unit')}>{unit}</td>
      <td class="soft nowrap" data-label={t('log.col.at')}>{time && <When at={time} />}</td>
    </tr>
  )
}
