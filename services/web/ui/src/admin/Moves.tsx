import { useState } from 'preact/hooks'
import { call, problemOf, type Person, type Problem } from '../api'
import { parseMoves, type MoveRow } from '../check/moves'
import { Field, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { locale } from '../texts'
import { useDeeds } from './act'
import { Lines } from './Lines'
import { useLoad } from './load'
import { Panel } from './Panel'
import { Pick } from './Pick'
import { Saving } from './Saving'
import { Empty, size, State, When, type Kind } from './show'
import { count, t } from './texts'

interface Move {
  address: string
  host: string
  user: string
  state: 'waiting' | 'running' | 'done' | 'stopped' | 'failed'
  began?: string
  ended?: string
  folder?: string // at the provider, while it runs
  folders: number // that are done
  of_folders: number
  messages: number // in those that have been looked into
  copied: number
  bytes: number
  present: number
  flagged: number
  deleted: number
  too_large: number
  failed: number
  problem?: string
  problems?: string[]
}

const soon = 3_000
const at = (address: string) => `/api/accounts/${encodeURIComponent(address)}/move`
const numbers = new Intl.NumberFormat(locale)

function useMoves() {
  return useLoad(() => call<{ moves: Move[] }>('GET', '/api/moves').then((r) => r.moves), [], soon, 'moves')
}

/** /admin/flow/move: mailboxes come from another server, of many people at a time. */
export function Moves() {
  const moves = useMoves()
  const list = moves.data ?? []
  const over = list.filter((m) => m.state === 'done').length
  return (
    <>
      <p class="soft below">{t('move.lead')}</p>
      <ProblemNote problem={moves.absent ? undefined : moves.problem} />
      {moves.absent && <Note kind="info">{t('move.absent')}</Note>}
      {!moves.data && !moves.problem && <Busy label={t('loading')} />}
      {list.length > 0 && over === list.length && <Note kind="good" title={t('move.all')}>{t('move.all.text')}</Note>}
      {list.length > 0 && <p class="below" role="status">{t('move.count', { over, all: list.length })}</p>}
      {list.length > 0 && <ul class="records">{list.map((m) => <Card key={m.address} move={m} reload={moves.reload} link />)}</ul>}
      {moves.data?.length === 0 && <Empty icon="download" title={t('move.none')}>{t('move.none.text')}</Empty>}
      {moves.data && <Many reload={moves.reload} />}
    </>
  )
}

/** One person's mailbox comes from another server. */
export function MoveIn({ person }: { person: Person }) {
  const moves = useMoves()
  const mine = moves.data?.find((m) => m.address === person.address)
  if (moves.absent) return null
  return (
    <>
      {mine && <ul class="records narrow"><Card move={mine} reload={moves.reload} /></ul>}
      {moves.data && mine?.state !== 'running' && mine?.state !== 'waiting' && <One key={mine?.state} person={person} before={mine} reload={moves.reload} />}
      <ProblemNote problem={moves.problem} />
    </>
  )
}

const kinds = { waiting: 'later', running: 'busy', done: 'good', stopped: 'wait', failed: 'bad' } satisfies Record<Move['state'], Kind>

/** How many messages come in a minute; undefined where that can't be said yet. */
function pace(m: Move): number | undefined {
  const minutes = m.began && m.state === 'running' ? (Date.now() - Date.parse(m.began)) / 60_000 : 0
  return minutes > 0.1 ? Math.round((m.copied + m.present) / minutes) : undefined
}

function Card({ move: m, reload, link }: { move: Move; reload: () => Promise<void>; link?: boolean }) {
  const { doing, problem, run } = useDeeds(reload)
  const goes = m.state === 'running' || m.state === 'waiting'
  const rate = pace(m)
  const left = [
    m.present > 0 && count('move.present', m.present),
    m.flagged > 0 && count('move.flagged', m.flagged),
    m.deleted > 0 && count('move.deleted', m.deleted),
    m.too_large > 0 && count('move.large', m.too_large),
    m.failed > 0 && count('move.failed', m.failed),
  ].filter(Boolean)
  return (
    <li class="record">
      <div class="panel-head">
        <h2 class="break">{m.address}</h2>
        <State kind={kinds[m.state]}>{t(`move.state.${m.state}`)}</State>
      </div>
      <p class="break">{t('move.from', { user: m.user, host: m.host })}</p>
      {m.state === 'running' && (
        <>
          <progress class="bar" aria-label={t('move.folders', { done: m.folders, all: m.of_folders })} max={m.of_folders || 1} value={m.of_folders ? m.folders : undefined} />
          <p class="break">{t('move.folders', { done: m.folders, all: m.of_folders })} {m.folder && t('move.now', { folder: m.folder })} {rate !== undefined && count('move.rate', rate)}</p>
        </>
      )}
      {m.messages > 0 && <p><strong>{t('move.copied', { done: numbers.format(m.copied), all: numbers.format(m.messages), size: size(m.bytes) })}</strong></p>}
      {left.length > 0 && <ul class="plain-list">{left.map((text) => <li key={text}>{text}</li>)}</ul>}
      {m.problem && <Note kind={m.state === 'failed' ? 'bad' : 'wait'} title={m.problem}>{t('move.mended')}</Note>}
      {(m.problems?.length ?? 0) > 0 && (
        <details>
          <summary>{count('move.problems', m.problems!.length)}</summary>
          <ul class="plain-list">{m.problems!.map((text, i) => <li key={i} class="break">{text}</li>)}</ul>
        </details>
      )}
      {m.ended && <p class="soft">{t('move.ended')} <When at={m.ended} /></p>}
      <ProblemNote problem={problem} />
      {(goes || link) && (
        <div class="row-actions">
          {goes && <button type="button" aria-disabled={!!doing} onClick={() => void run('stop', () => call('DELETE', at(m.address)), '')}><Icon name={doing ? 'busy' : 'hold'} />{t('move.stop')}<span class="unseen"> {m.address}</span></button>}
          {!goes && link && <a class="button" href={`/admin/people/${encodeURIComponent(m.address)}/mail`}><Icon name="retry" />{t('move.again')}<span class="unseen"> {m.address}</span></a>}
        </div>
      )}
    </li>
  )
}

type TLS = 'implicit' | 'starttls'

/** Where the mailboxes are. */
interface There {
  host: string
  tls: TLS
  leave: string // folders that stay there, one on each line
}

const missing = (value: string) => (value.trim() ? undefined : { message: t('field.missing'), mend: t('field.missing.mend') })
const asked = (there: There, user: string, password: string) => ({ host: there.host.trim(), tls: there.tls, user, password, leave: there.leave.split('\n').map((l) => l.trim()).filter(Boolean) })

function Provider({ there, set, faults }: { there: There; set: (t: There) => void; faults: Record<string, { message: string; mend: string } | undefined> }) {
  return (
    <>
      <Field label={t('move.host')} hint={t('move.host.hint')} value={there.host} onValue={(host) => set({ ...there, host })} fault={faults['host']} input={{ inputMode: 'url', autocomplete: 'off' }} />
      <Pick label={t('collect.tls')} value={there.tls} onValue={(v) => set({ ...there, tls: v as TLS })} options={[['implicit', 'TLS'], ['starttls', 'STARTTLS']]} fault={faults['tls']} />
      <Lines label={t('move.leave')} hint={t('move.leave.hint')} value={there.leave} onValue={(leave) => set({ ...there, leave })} fault={faults['leave']} rows={2} />
    </>
  )
}

function One({ person, before, reload }: { person: Person; before: Move | undefined; reload: () => Promise<void> }) {
  const [there, setThere] = useState<There>({ host: before?.host ?? '', tls: 'implicit', leave: '' })
  const [user, setUser] = useState(before?.user ?? person.address)
  const [password, setPassword] = useState('')
  return (
    <Panel title={t(before ? 'move.again' : 'move.begin')}>
      <p class="soft">{t(before ? 'move.again.text' : 'move.text')}</p>
      <Saving said={t('move.begun')} act={t(before ? 'move.again' : 'move.begin')} check={() => ({ host: missing(there.host), user: missing(user), password: missing(password) })}
        save={async () => { await call('POST', at(person.address), asked(there, user.trim(), password)); setPassword(''); await reload() }}>
        {(faults) => (
          <>
            <Provider there={there} set={setThere} faults={faults} />
            <Field label={t('collect.user')} value={user} onValue={setUser} fault={faults['user']} input={{ autocomplete: 'off' }} />
            <PasswordField label={t('signin.password')} hint={t('move.password')} value={password} onValue={setPassword} fault={faults['password']} input={{ autocomplete: 'new-password' }} />
          </>
        )}
      </Saving>
    </Panel>
  )
}

function Many({ reload }: { reload: () => Promise<void> }) {
  const [there, setThere] = useState<There>({ host: '', tls: 'implicit', leave: '' })
  const [text, setText] = useState('')
  const [refused, setRefused] = useState<{ row: MoveRow; problem: Problem }[]>([])
  const { rows, bad } = parseMoves(text)
  const begin = async () => {
    const lines = text.split(/\r\n|\r|\n/)
    const found: typeof refused = []
    for (const row of rows) {
      try {
        await call('POST', at(row.address), asked(there, row.user, row.password))
        lines[row.line - 1] = '' // what has begun leaves the list: the rest can be mended
      } catch (error) {
        found.push({ row, problem: problemOf(error) })
        if ([0, 401].includes(found.at(-1)!.problem.status)) break // the box is gone, or doesn't know who asks
      }
    }
    setText(lines.filter((l) => l.trim()).join('\n'))
    setRefused(found)
    await reload()
  }
  const listFault = rows.length ? (bad.length ? { message: t('move.bad', { lines: bad.slice(0, 20).join(', ') }), mend: t('move.list.mend') } : undefined) : { message: t('move.list.missing'), mend: t('move.list.mend') }
  return (
    <Panel title={t('move.many')}>
      <p class="soft">{t('move.text')}</p>
      {refused.length > 0 && (
        <Note kind="bad" live title={count('move.refused', refused.length)}>
          <ul class="plain-list">{refused.map(({ row, problem }) => <li key={row.address} class="break">{row.address}: {problem.message} {problem.whatToDo}</li>)}</ul>
        </Note>
      )}
      <Saving said={refused.length ? '' : t('move.begun')} act={rows.length ? count('move.go', rows.length) : t('move.begin')} check={() => ({ host: missing(there.host), list: listFault })} save={begin}>
        {(faults) => (
          <>
            <Provider there={there} set={setThere} faults={faults} />
            <Lines label={t('move.list')} hint={t('move.list.hint')} value={text} onValue={setText} fault={faults['list']} rows={6} />
            <div class="row-actions">
              <label class="file-button">
                <Icon name="upload" />
                {t('paste.file')}
                <input type="file" class="unseen" accept=".csv,.txt,text/csv,text/plain" onChange={(e) => e.currentTarget.files?.[0]?.slice(0, 1 << 20).text().then(setText, () => undefined)} />
              </label>
            </div>
          </>
        )}
      </Saving>
    </Panel>
  )
}
