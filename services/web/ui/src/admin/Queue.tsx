import { useEffect, useState } from 'preact/hooks'
import { problemOf } from '../api'
import { Dialog } from '../parts/Dialog'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { go, path, query, setQuery } from '../router'
import { useAct, useDeeds } from './act'
import { heldAt, office, type Held, type HopCounts, type QueueStats, type Waiting } from './api'
import { useLoad, type Loaded } from './load'
import { Search } from './Search'
import { Empty, size, State, When, whenText } from './show'
import { standing } from './standing'
import { may } from './session'
import { count, t } from './texts'
import { WaitingMessage } from './WaitingMessage'

const page = 50
const soon = 5_000

/** /admin/waiting: what is on its way out, and what waits for a decision. */
export function Queue() {
  const [, , , id] = path.value.split('/')
  return id && id !== 'held' ? <WaitingMessage key={id} id={id} /> : <List />
}

function List() {
  const q = query.value.get('q') ?? ''
  const onlyHeld = query.value.get('held') === '1'
  const hop = query.value.get('hop') ?? ''
  const filter = { limit: String(page), ...(q && { address: q }), ...(onlyHeld && { held: 'true' }), ...(hop && { hop }) }
  const key = JSON.stringify(filter)
  const stats = useLoad(office.queueStats, [], soon, 'queue')
  const first = useLoad(() => office.queue(filter), [key], soon, 'queue')
  const held = useLoad(() => office.held(), [], soon, 'held')
  const rest = useRest(key, filter, first)
  const reload = () => Promise.all([stats.reload(), first.reload(), held.reload()])
  const { doing, said, problem, run, say } = useDeeds(reload)
  const messages = [...(first.data?.messages ?? []), ...rest.messages]
  const filtered = !!(q || onlyHeld || hop)
  return (
    <>
      <div class="head">
        <Title lead={stats.data ? lead(stats.data) : undefined}>{t('queue.title')}</Title>
        {may('administrator') && (stats.data?.messages ?? 0) > 0 && (
          <button type="button" aria-disabled={doing === 'all'} onClick={() => void run('all', () => office.retryAll(''), t('queue.all.done'))}>
            <Icon name={doing === 'all' ? 'busy' : 'retry'} />
            {t('queue.all')}
          </button>
        )}
      </div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? first.problem ?? rest.problem} />
      {(held.data?.held.length ?? 0) > 0 && <Decisions held={held.data!.held} more={held.data!.more} busy={!!doing} run={run} />}
      {(stats.data?.hops ?? []).filter((h) => h.dead).map((h) => (
        <Dead key={h.hop + h.via} hop={h} busy={doing === 'hop ' + h.hop} onTry={() => void run('hop ' + h.hop, () => office.retryAll(h.hop), t('queue.hop.done', { hop: h.hop || (h.via ?? '') }))} />
      ))}
      {(messages.length > 0 || filtered) && (
        <div class="tools">
          <Search label={t('queue.search')} />
          <label class="check">
            <input type="checkbox" checked={onlyHeld} onChange={(e) => setQuery('held', e.currentTarget.checked ? '1' : '')} />
            {t('queue.only.held')}
          </label>
          {hop && <button type="button" class="quiet" onClick={() => setQuery('hop', '')}><Icon name="close" />{t('queue.only.hop', { hop })}</button>}
        </div>
      )}
      {!first.data && !first.problem && <Busy label={t('loading')} />}
      {messages.length > 0 && <Table messages={messages} />}
      {first.data && messages.length === 0 && (filtered
        ? <p class="empty">{t('queue.none.found')}</p>
        : <Empty icon="send" title={t('queue.none')}>{t('queue.none.text')}</Empty>)}
      {(rest.messages.length ? rest.more : first.data?.more) && (
        <div class="row-actions"><button type="button" aria-disabled={rest.busy} onClick={() => void rest.load(messages.at(-1)!.id)}>{t('list.more')}</button></div>
      )}
      {path.value.startsWith('/admin/waiting/held/') && held.data && <EndHeld held={held.data.held} close={(text) => { go('/admin/waiting'); if (text) { say(text); void reload() } }} />}
    </>
  )
}

/** The pages behind the first, as far as somebody has asked for them. */
function useRest(key: string, filter: Record<string, string>, first: Loaded<unknown>) {
  const none = { messages: [] as Waiting[], more: false }
  const [rest, setRest] = useState(none)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState(first.problem)
  useEffect(() => setRest(none), [key])
  const load = async (after: string) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      const next = await office.queue({ ...filter, after })
      setRest((r) => ({ messages: [...r.messages, ...next.messages], more: next.more }))
    } catch (error) {
      setProblem(problemOf(error))
    }
    setBusy(false)
  }
  return { ...rest, busy, problem, load }
}

const lead = (s: QueueStats) => (s.opens ? t('light.queue.closed', { when: whenText(s.opens) }) + ' ' : '') + (s.messages ? count('light.queue.some', s.messages) : '')

function Dead({ hop, busy, onTry }: { hop: HopCounts; busy: boolean; onTry: () => void }) {
  const name = hop.hop || (hop.via ?? '')
  return (
    <section class="todo wait">
      <Icon name="warn" size={20} />
      <div>
        <strong>{t('queue.dead', { hop: name })}</strong>
        <p>{count('queue.dead.text', hop.waiting)} {hop.probe && t('queue.dead.probe', { when: whenText(hop.probe) })}</p>
        {hop.reply && <code class="reply">{hop.reply}</code>}
      </div>
      {may('administrator') && <button type="button" aria-disabled={busy} onClick={onTry}><Icon name={busy ? 'busy' : 'retry'} />{t('queue.now')}<span class="unseen"> {name}</span></button>}
    </section>
  )
}

function Table({ messages }: { messages: Waiting[] }) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">{t('queue.col.to')}</th>
          <th scope="col">{t('queue.col.from')}</th>
          <th scope="col">{t('queue.col.since')}</th>
          <th scope="col">{t('queue.col.size')}</th>
          <th scope="col">{t('queue.col.state')}</th>
        </tr>
      </thead>
      <tbody>
        {messages.map((m) => {
          const [kind, word] = standing(m)
          const last = m.to.flatMap((r) => r.attempts ?? []).sort((a, b) => a.at.localeCompare(b.at)).at(-1)
          return (
            <tr key={m.id}>
              <th scope="row">
                <a class="row-link break" href={'/admin/waiting/' + encodeURIComponent(m.id)}>{m.to[0]?.address}</a>
                {m.to.length > 1 && <small class="soft"> {count('queue.others', m.to.length - 1)}</small>}
                {last && <small class="words">{last.reply}</small>}
              </th>
              <td class="break" data-label={t('queue.col.from')}>{m.from || t('queue.box')}</td>
              <td class="soft" data-label={t('queue.col.since')}><When at={m.accepted} /></td>
              <td class="soft nowrap" data-label={t('queue.col.size')}>{size(m.size)}</td>
              <td><State kind={kind}>{word}</State></td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** What a rule on contents has stopped. */
function Decisions({ held, more, busy, run }: { held: Held[]; more: boolean; busy: boolean; run: ReturnType<typeof useDeeds>['run'] }) {
  return (
    <section class="panel" aria-labelledby="decide">
      <h2 id="decide"><Icon name="hold" size={20} />{t('held.title')}</h2>
      <p class="soft">{t('held.text')}</p>
      <ul class="cards">
        {held.map((h) => (
          <li key={h.id}>
            <div class="card-text">
              <strong class="break">{t('held.line', { from: h.from || t('queue.box'), to: h.to.join(', ') })}</strong>
              <p>{h.why}</p>
              <small class="soft"><When at={h.at} /> · {size(h.size)}</small>
            </div>
            <div class="row-actions">
              <button type="button" aria-disabled={busy} onClick={() => void run(h.id, () => office.releaseHeld(h.id), t('held.released'))}><Icon name="release" />{t('held.release')}</button>
              <a class="button quiet" href={heldAt(h.id, 'message')} download><Icon name="download" />{t('wait.read')}</a>
              <a class="button quiet" href={'/admin/waiting/held/' + encodeURIComponent(h.id)}><Icon name="remove" />{t('held.end')}</a>
            </div>
          </li>
        ))}
      </ul>
      {more && <p class="soft">{t('held.more')}</p>}
    </section>
  )
}

function EndHeld({ held, close }: { held: Held[]; close: (said?: string) => void }) {
  const { busy, problem, act } = useAct(close)
  const h = held.find((h) => path.value.endsWith('/' + encodeURIComponent(h.id)))
  if (!h) return null
  return (
    <Dialog title={t('held.end.title')} act={t('held.end')} danger busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, {}, () => office.dropHeld(h.id), t('held.ended'))}>
      <p class="break">{t('held.line', { from: h.from || t('queue.box'), to: h.to.join(', ') })}</p>
      <p>{t('wait.drop.text')}</p>
    </Dialog>
  )
}
