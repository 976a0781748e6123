import '../style/admin.css'
import '../style/trace.css'
import { useEffect, useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { decoded, path, query } from '../router'
import { speak } from '../texts'
import { en } from '../texts/en'
import { admin } from '../texts/en.admin'
import { trace as english } from '../texts/en.trace'
import { useDeeds } from './act'
import { office, undoOf, type Traced, type TraceStep } from './api'
import { Day, dayAsked } from './Day'
import { useLoad, useSettled } from './load'
import { may } from './session'
import { Search } from './Search'
import { Empty, size, State, When, whenText } from './show'
import { about, canPutBack, factsOf, fateOf, itemsOf, kindOf, kinds, ownerOf, verbOf, type Facts } from './trace'

const { t, count } = speak({ ...en, ...admin, ...english })

const page = 50
/** Who sees a part of the mail isn't told when any comes: their page asks. */
const topic = () => (may('help desk') ? 'trace' as const : undefined)
/** How many recipients are named at the top: the steps have all. */
const named = 50
/** /admin/trace: find a message, and see what became of it. */
export default function Trace() {
  const id = path.value.split('/')[3]
  return id ? <Message key={id} id={decoded(id)} /> : <Find />
}

function Find() {
  const q = useSettled(query.value.get('q') ?? '')
  const from = query.value.get('from') ?? ''
  const until = query.value.get('until') ?? ''
  const filter = { limit: String(page), ...(q && { q }), ...dayAsked('from', from, 0), ...dayAsked('until', until, 1) }
  const key = JSON.stringify(filter)
  const [rest, setRest] = useState<{ messages: Traced[]; next?: string; problem?: Problem; busy?: boolean }>({ messages: [] })
  const first = useLoad(() => office.trace(filter), [key], 0, rest.messages.length > 0 ? undefined : topic()) // further pages go on where the first ended
  useEffect(() => setRest({ messages: [] }), [key])
  const next = rest.next ?? first.data?.next
  const more = async () => {
    if (rest.busy || !next) return
    setRest((r) => ({ ...r, busy: true }))
    try {
      const found = await office.trace({ ...filter, after: next })
      setRest((r) => ({ messages: [...r.messages, ...found.messages], next: found.next }))
    } catch (error) {
      setRest((r) => ({ ...r, problem: problemOf(error), busy: false }))
    }
  }
  const messages = [...(first.data?.messages ?? []), ...rest.messages]
  const asked = !!(q || from || until)
  return (
    <>
      <Title lead={t(may('help desk') ? 'trace.lead' : 'trace.lead.within')}>{t('trace.title')}</Title>
      <div class="tools">
        <Search label={t('trace.search')} />
        <Day name="from" label={t('trace.from')} value={from} />
        <Day name="until" label={t('trace.until')} value={until} />
      </div>
      <ProblemNote problem={first.problem ?? rest.problem} />
      {!first.data && !first.problem && <Busy label={t('loading')} />}
      {messages.length > 0 && <List messages={messages} />}
      {first.data && messages.length === 0 && (asked || next
        ? <p class="empty">{t(next ? 'trace.none.yet' : 'trace.none.found')}</p>
        : <Empty icon="search" title={t('trace.none')}>{t('trace.none.text')}</Empty>)}
      {next && (
        <div class="row-actions">
          <button type="button" aria-disabled={rest.busy} onClick={() => void more()}>{rest.busy && <Icon name="busy" />}{t('list.more')}</button>
        </div>
      )}
    </>
  )
}

function List({ messages }: { messages: Traced[] }) {
  return (
    <table class="list brief">
      <thead>
        <tr>
          <th scope="col">{t('trace.col.subject')}</th>
          <th scope="col">{t('queue.col.from')}</th>
          <th scope="col">{t('queue.col.to')}</th>
          <th scope="col">{t('trace.col.at')}</th>
          <th scope="col">{t('queue.col.state')}</th>
        </tr>
      </thead>
      <tbody>
        {messages.map((m) => {
          const facts = factsOf(m)
          const fate = fateOf(m)
          return (
            <tr key={m.id}>
              <th scope="row">
                <a class="row-link break" href={'/admin/trace/' + encodeURIComponent(m.id)}>{titleOf(m, facts)}</a>
                {facts.size > 0 && <small class="soft"> {size(facts.size)}</small>}
              </th>
              <td class="break" data-label={t('queue.col.from')}>{facts.from || t('queue.box')}</td>
              <td class="break whither" data-label={t('queue.col.to')}>{recipients(facts)}</td>
              <td class="soft nowrap" data-label={t('trace.col.at')}><When at={facts.at} /></td>
              <td><State kind={kinds[fate]}>{t(`trace.fate.${fate}`)}</State></td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** How a list calls a message: by its subject, or by what it was instead. */
function titleOf(m: Traced, f: Facts): string {
  if (f.subject) return f.subject
  return m.steps.some((s) => verbOf(s) === 'delivered' || verbOf(s) === 'found') ? t('undo.subject.none') : t('trace.nothing')
}

function recipients(f: Facts): string {
  const [first, ...others] = f.to
  if (!first) return ''
  const n = others.length + f.more
  return n ? first + ' ' + count('queue.others', n) : first
}

function Message({ id }: { id: string }) {
  const loaded = useLoad(() => office.traced(id), [id], 5_000, topic())
  const m = loaded.data
  const { doing, said, problem, run } = useDeeds(loaded.reload)
  const facts = m && factsOf(m)
  const item = m && may('help desk') && ['waiting', 'held'].includes(fateOf(m)) ? itemsOf(m).at(-1) : ''
  return (
    <>
      <p class="back-line"><a href="/admin/trace"><Icon name="back" size={16} />{t('trace.title')}</a></p>
      <Title lead={m && <State kind={kinds[fateOf(m)]}>{t(`trace.fate.${fateOf(m)}`)}</State>}>{m ? titleOf(m, facts!) : t('trace.title')}</Title>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? loaded.problem} />
      {!m && !loaded.problem && <Busy label={t('loading')} />}
      {m && facts && (
        <>
          <dl class="facts">
            <dt>{t('queue.col.from')}</dt>
            <dd class="break">{facts.from || t('queue.box')}</dd>
            {facts.to.length > 0 && <><dt>{t('queue.col.to')}</dt><dd class="break">{facts.to.slice(0, named).join(', ')}{more(facts) > 0 && ' ' + count('queue.others', more(facts))}</dd></>}
            {facts.size > 0 && <><dt>{t('queue.col.size')}</dt><dd>{size(facts.size)}</dd></>}
            <dt>{t('wait.id')}</dt>
            <dd class="mono break">{m.id}</dd>
          </dl>
          {!!m.left_out && <p class="soft">{t('trace.left', { n: m.left_out })}</p>}
          <ol class="timeline trace">{m.steps.map((s, i) => <Step key={i} step={s} deeds={deeds(m, s)} doing={doing} run={run} />)}</ol>
          <div class="row-actions">
            {item && <a class="button" href={'/admin/waiting/' + encodeURIComponent(item)}>{t('over.open', { what: t('queue.title') })}</a>}
            {may('administrator') && facts.to[0] && fateOf(m) === 'delivered' && <a class="button" href={'/admin/deleted?' + new URLSearchParams({ who: deliveredTo(m) ?? facts.to[0] })}>{t('trace.deleted')}</a>}
          </div>
        </>
      )}
    </>
  )
}

const more = (f: Facts) => f.more + Math.max(0, f.to.length - named)

/** Something that can be done about a step. */
interface Deed {
  name: string
  icon: 'retry' | 'release' | 'undo'
  label: string
  done: string
  call: () => Promise<unknown>
}

/** What can be done about a step: it stands on the last one that it answers. */
function deeds(m: Traced, step: TraceStep): Deed[] {
  const fate = fateOf(m)
  const isLast = (...verbs: string[]) => verbs.includes(verbOf(step)) && m.steps.findLast((s) => verbs.includes(verbOf(s))) === step
  const item = itemsOf(m).at(-1)
  if (item && fate === 'waiting' && isLast('tried', 'retry', 'release')) {
    return [{ name: 'retry', icon: 'retry', label: t('wait.retry'), done: t('wait.retry.done'), call: () => office.alterWaiting(item, 'retry') }]
  }
  if (may('people') && canPutBack(m, step)) {
    const place = { mailbox: about(step, 'mailbox'), uid: Number(about(step, 'uid')) }
    return [{ name: 'undo:' + place.mailbox + place.uid, icon: 'undo', label: t('undo.back.none'), done: count('undo.done', 1), call: () => undoOf(ownerOf(step)).restore([place]) }]
  }
  if (!may('administrator')) return []
  if (fate === 'held' && isLast('decision')) {
    return [{ name: 'release', icon: 'release', label: t('held.release'), done: t('held.released'), call: () => office.releaseHeld(m.id) }]
  }
  if (item && fate === 'held' && isLast('hold')) {
    return [{ name: 'release', icon: 'release', label: t('held.release'), done: t('held.released'), call: () => office.alterWaiting(item, 'release') }]
  }
  if (fate === 'later' && isLast('later')) {
    return [{ name: 'release', icon: 'release', label: t('held.release'), done: t('held.released'), call: () => office.alterWaiting(m.id, 'release') }]
  }
  return []
}

const deliveredTo = (m: Traced) => m.steps.flatMap((s) => s.about['account'] ?? [])[0]

function Step({ step, deeds, doing, run }: { step: TraceStep; deeds: Deed[]; doing: string; run: (name: string, call: () => Promise<unknown>, done: string) => Promise<void> }) {
  return (
    <li>
      <p>
        <State kind={kindOf(step)}>{heading(step)}</State> <span class="soft"><When at={step.at} /></span>
      </p>
      {sentences(step).map((s) => <p key={s} class="break">{s}</p>)}
      {reply(step) && <code class="reply">{reply(step)}</code>}
      {deeds.length > 0 && (
        <div class="row-actions">
          {deeds.map((d) => (
            <button key={d.name} type="button" class="primary" aria-disabled={doing === d.name} onClick={() => void run(d.name, d.call, d.done)}>
              <Icon name={doing === d.name ? 'busy' : d.icon} />{d.label}
            </button>
          ))}
        </div>
      )}
      <details>
        <summary>{t('trace.evidence')}</summary>
        <dl class="facts evidence">
          <dt>{t('trace.exactly')}</dt>
          <dd>{new Date(step.at).toISOString()}</dd>
          {Object.entries(step.about).filter(([name]) => name !== 'verb').map(([name, values]) => [
            <dt key={name} class="mono">{name}</dt>,
            <dd key={name + ':'} class="mono break">{values.join(', ')}</dd>,
          ])}
        </dl>
      </details>
    </li>
  )
}

/** What others, or the box itself, said in so many words. */
const reply = (s: TraceStep) => (verbOf(s) === 'tried' ? about(s, 'reply') : about(s, 'err'))

function heading(s: TraceStep): string {
  const verb = verbOf(s)
  if (verb === 'other') return s.what
  if (verb === 'tried') {
    const state = about(s, 'state')
    return t(state === 'failed' ? 'trace.tried.failed' : state === 'queued' ? 'trace.tried.queued' : 'trace.tried.relayed')
  }
  return t(`trace.step.${verb}`)
}

/** Who has done something with which program. */
const program = (s: TraceStep) => `${about(s, 'account')} (${about(s, 'program') || about(s, 'protocol').toUpperCase()})`

/** Whose mail it is, where others have it open. */
const inMailOf = (s: TraceStep) => (about(s, 'owner') ? [t('trace.says.of', { owner: about(s, 'owner') })] : [])

/** Who handed a message in, and where: not for who looks after other people's mail. */
function cameFrom(s: TraceStep): string {
  const peer = about(s, 'peer')
  const from = about(s, 'from') || t('queue.box')
  if (about(s, 'login')) return t('trace.says.handed', { who: about(s, 'login'), peer })
  return peer ? t('trace.says.came', { from, peer }) : t('trace.says.inside', { from })
}

/** The step in plain words. */
function sentences(s: TraceStep): string[] {
  const of = (name: string) => about(s, name)
  switch (verbOf(s)) {
    case 'received':
      return [
        cameFrom(s),
        of('tls') ? t('trace.says.tls', { tls: of('tls') }) : t('trace.says.plain'),
      ]
    case 'judged':
      return [
        ['spf', 'dkim', 'dmarc'].filter((m) => of(`verdicts.${m}.result`)).map((m) => `${m.toUpperCase()}: ${of(`verdicts.${m}.result`)}`).join(' · '),
        of('junk') === 'true' ? t('trace.says.junk', { reason: of('reason') }) : '',
      ].filter(Boolean)
    case 'recipient':
      return [t('trace.says.recipient', { from: of('from') || t('queue.box'), to: of('to'), peer: of('peer') })]
    case 'delivered':
    case 'found':
      return [
        (s.about['account'] ?? []).length ? t('trace.says.put', { folder: of('folder') || 'INBOX', who: s.about['account']!.join(', ') }) : '',
        Number(of('outside')) > 0 ? count('trace.says.outside', Number(of('outside'))) : '',
      ].filter(Boolean)
    case 'fetched':
      return [t('trace.says.fetched', { who: program(s), peer: of('peer') }), ...inMailOf(s)]
    case 'moved':
      return [t('trace.says.moved', { who: program(s), folder: of('folder'), into: of('into') }), ...inMailOf(s)]
    case 'deleted':
      if (of('protocol') === 'move') return [t('trace.says.away', { who: of('account'), folder: of('folder'), host: of('program') })]
      return [t(of('cause') ? 'trace.says.expired' : 'trace.says.deleted', { who: of('cause') ? of('account') : program(s), folder: of('folder') }), ...inMailOf(s)]
    case 'restored':
      return [
        t('trace.says.restored', { who: of('account'), by: of('by') }),
        of('as_of') ? t('trace.says.asof', { when: whenText(of('as_of')) }) : of('folder') ? t('trace.says.whole', { folder: of('folder') }) : '',
      ].filter(Boolean)
    case 'hold':
    case 'release':
    case 'retry':
    case 'drop':
    case 'redirect':
      return [t('trace.says.act', { by: of('by') })]
    case 'many':
      return [t('trace.says.many', { n: of('messages'), peer: of('peer') || t('trace.several'), when: whenText(of('since')) })]
    case 'later':
      return [t('trace.says.later', { when: whenText(of('until')) })]
    case 'decision':
      return [of('why')]
    case 'tried':
      return [
        t('trace.says.tried', { to: of('to'), server: of('server') || of('hop') }),
        of('state') === 'queued' && of('next') ? t('wait.next', { when: whenText(of('next')) }) : '',
      ].filter(Boolean)
  }
  return []
}
