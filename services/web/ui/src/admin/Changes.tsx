import { useEffect, useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { Busy, ProblemNote } from '../parts/parts'
import { decoded, query } from '../router'
import { office, type Change } from './api'
import { useLoad } from './load'
import { Search } from './Search'
import { Empty, When } from './show'
import { t } from './texts'

/** /admin/box/changes: who changed what. */
export function Changes() {
  const q = query.value.get('q') ?? ''
  const first = useLoad(() => office.changes(q ? { q } : {}), [q])
  const [rest, setRest] = useState<{ changes: Change[]; next?: number; busy?: boolean; problem?: Problem }>({ changes: [] })
  useEffect(() => setRest({ changes: [] }), [q])
  const list = [...(first.data?.changes ?? []), ...rest.changes]
  const before = rest.next ?? first.data?.next
  const load = async () => {
    if (rest.busy) return
    setRest((r) => ({ ...r, busy: true }))
    try {
      const next = await office.changes({ ...(q && { q }), before: String(before) })
      setRest((r) => ({ changes: [...r.changes, ...next.changes], next: next.next }))
    } catch (error) {
      setRest((r) => ({ ...r, busy: false, problem: problemOf(error) }))
    }
  }
  return (
    <>
      <p class="soft below">{t('changes.lead')}</p>
      {(list.length > 0 || q) && <div class="tools"><Search label={t('changes.search')} /></div>}
      <ProblemNote problem={first.problem ?? rest.problem} />
      {!first.data && !first.problem && <Busy label={t('loading')} />}
      {list.length > 0 && (
        <table class="list brief">
          <thead>
            <tr>
              <th scope="col">{t('changes.col.what')}</th>
              <th scope="col">{t('changes.col.who')}</th>
              <th scope="col">{t('changes.col.at')}</th>
            </tr>
          </thead>
          <tbody>{list.map((c) => <Row key={c.number} change={c} />)}</tbody>
        </table>
      )}
      {first.data && list.length === 0 && !before && (q ? <p class="empty">{t('changes.none.found')}</p> : <Empty icon="list" title={t('changes.none')}>{t('changes.none.text')}</Empty>)}
      {!!before && <div class="row-actions"><button type="button" aria-disabled={rest.busy} onClick={() => void load()}>{t('list.more')}</button></div>}
    </>
  )
}

/** Only looking is written down, too, where it is at somebody's mail. */
const verbs: Record<string, 'seen' | 'made' | 'set' | 'removed'> = { GET: 'seen', POST: 'made', PUT: 'set', PATCH: 'set', DELETE: 'removed' }

function Row({ change: c }: { change: Change }) {
  const verb = verbs[c.what.split(' ')[0] ?? '']
  return (
    <tr>
      <th scope="row">
        {verb && t(`changes.verb.${verb}`)} <span class="mono break">{decoded(c.on.replace(/^\/api\//, '')) || c.on}</span>
        {c.said !== undefined && (
          <details>
            <summary class="soft">{t('changes.said')}</summary>
            <code class="reply">{JSON.stringify(c.said, null, 1)}</code>
          </details>
        )}
      </th>
      <td class="break" data-label={t('changes.col.who')}>{c.who} {c.from && <small class="soft">{c.from}</small>}</td>
      <td class="soft nowrap" data-label={t('changes.col.at')}><When at={c.at} /></td>
    </tr>
  )
}
