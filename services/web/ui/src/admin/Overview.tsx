import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from '../parts/Icon'
import { Busy, ProblemNote, Title } from '../parts/parts'
import { office, type DNS, type Finding, type Health, type Held, type QueueStats, type Source, type Versions } from './api'
import { useLoad } from './load'
import { MailChart } from './MailChart'
import { size, State, whenText, type Kind } from './show'
import { count, t } from './texts'

/** One thing that can be well or not, and what to do about it where it isn't. */
interface Light {
  icon: IconName
  name: string
  kind: Kind
  says: ComponentChildren
  more?: ComponentChildren
  to?: string
  todo?: Finding[] // what stands on top of the page
}

/** How often the cheap questions are asked again, and the ones that ask the world. */
const soon = 15_000
const rarely = 600_000

/** /admin: how the box is, in one glance, and what to do about it. */
export function Overview() {
  const health = useLoad(office.health, [], soon, 'health')
  const queue = useLoad(office.queueStats, [], soon, 'queue')
  const held = useLoad(() => office.held(), [], soon, 'held')
  const sources = useLoad(office.sources, [], soon, 'collect')
  const versions = useLoad(office.versions, [], soon, 'update')
  const dns = useLoad(() => office.dns(true), [], rarely)
  const all = [health, queue, held, sources, versions, dns]
  const lights = [
    health.data && mailLight(health.data),
    queue.data && queueLight(queue.data),
    held.data && heldLight(held.data),
    dns.data ? dnsLight(dns.data) : !dns.problem && { icon: 'globe', name: t('light.dns'), to: '/admin/dns', kind: 'busy', says: t('light.dns.asking') } as const,
    sources.data && collectLight(sources.data),
    versions.data && versionLight(versions.data),
    health.data && diskLight(health.data),
  ].filter((l): l is Light => !!l)
  const todos = lights.flatMap((l) => (l.todo ?? []).map((f) => ({ ...f, light: l })))
  const known = all.every((l) => l.data || l.problem)
  const fault = all.find((l) => l.problem && !l.absent)?.problem
  const first = health.data || health.problem
  return (
    <>
      <Title>{t('over.title')}</Title>
      <ProblemNote problem={fault} />
      {!first && <Busy label={t('loading')} />}
      {first && !fault && <Verdict todos={todos.length} urgent={todos.some((f) => f.light.kind === 'bad')} known={known} />}
      {todos.length > 0 && (
        <ul class="todos" aria-label={t('over.todos')}>
          {todos.map((f) => (
            <li key={f.light.name + f.what} class={'todo ' + f.light.kind}>
              <Icon name={f.light.kind === 'bad' ? 'bad' : 'warn'} size={20} />
              <div>
                <strong>{f.what}</strong>
                {f.what_to_do && <p>{f.what_to_do}</p>}
              </div>
              {f.light.to && <a class="button" href={f.light.to}>{t('over.open', { what: f.light.name })}</a>}
            </li>
          ))}
        </ul>
      )}
      {first && (
        <>
          <h2 class="section">{t('over.lights')}</h2>
          <ul class="lights">{lights.map((l) => <Tile key={l.name} light={l} />)}</ul>
          <MailChart />
        </>
      )}
      {(health.data?.notes?.length ?? 0) > 0 && (
        <>
          <h2 class="section">{t('over.notes')}</h2>
          <ul class="plain-list">{health.data?.notes?.map((n) => <li key={n}>{n}</li>)}</ul>
        </>
      )}
    </>
  )
}

/** The one glance. */
function Verdict({ todos, urgent, known }: { todos: number; urgent: boolean; known: boolean }) {
  const kind = urgent ? 'bad' : todos ? 'wait' : known ? 'good' : 'busy'
  return (
    <section class={'verdict ' + kind} aria-live="polite">
      <Icon name={kind === 'wait' ? 'warn' : kind} size={32} />
      <div>
        <strong>{todos ? count('over.todo', todos) : t(known ? 'over.well' : 'over.looking')}</strong>
        <p>{t(todos ? 'over.todo.text' : 'over.well.text')}</p>
      </div>
    </section>
  )
}

function Tile({ light }: { light: Light }) {
  const inside = (
    <>
      <span class="tile-head">
        <Icon name={light.icon} size={20} />
        <strong>{light.name}</strong>
        <State kind={light.kind} />
      </span>
      <span>{light.says}</span>
      {light.more && <small>{light.more}</small>}
    </>
  )
  return <li>{light.to ? <a class="tile" href={light.to}>{inside}</a> : <div class="tile">{inside}</div>}</li>
}

function mailLight(h: Health): Light {
  const bad = h.findings.length > 0
  return {
    icon: 'mail', name: t('light.mail'), kind: bad ? 'bad' : 'good', says: bad ? count('light.mail.bad', h.findings.length) : t('light.mail.good'),
    more: h.last_read ? t('light.mail.read', { when: whenText(h.last_read) }) : !h.next_read && t('light.mail.reading'),
    todo: h.findings,
  }
}

/** Less than this free is worth a word: some days of an office's mail. */
const lowSpace = 10e9

function diskLight(h: Health): Light {
  const low = h.free_bytes < lowSpace
  return {
    icon: 'disk', name: t('light.disk'), kind: low ? 'wait' : 'good', says: t('light.disk.free', { free: size(h.free_bytes) }),
    more: low ? t('light.disk.low') : t('light.disk.mail', { size: size(h.log_bytes) }) + (h.dead_bytes > 0 ? ' ' + t('light.disk.dead', { size: size(h.dead_bytes) }) : ''),
  }
}

function queueLight(q: QueueStats): Light {
  const dead = (q.hops ?? []).filter((h) => h.dead)
  const says = q.messages ? count('light.queue.some', q.messages) : t('light.queue.none')
  const light: Light = { icon: 'send', name: t('light.queue'), to: '/admin/waiting', kind: dead.length ? 'wait' : 'good', says }
  if (dead.length) light.more = count('light.queue.dead', dead.length, { hops: dead.slice(0, 3).map((h) => h.hop || h.via || '').join(', ') })
  else if (q.opens) light.more = t('light.queue.closed', { when: whenText(q.opens) })
  return light
}

function heldLight(h: { held: Held[]; more: boolean }): Light | undefined {
  const n = h.held.length
  if (n === 0) return undefined
  const says = h.more ? t('light.held.many', { n }) : count('light.held.some', n)
  return { icon: 'hold', name: t('light.held'), to: '/admin/waiting', kind: 'wait', says, todo: [{ what: says, what_to_do: t('light.held.do') }] }
}

function dnsLight(d: DNS): Light {
  const needed = d.records.filter((r) => r.need === 'needed')
  const wrong = needed.filter((r) => r.state === 'missing' || r.state === 'differs').length
  const light: Light = { icon: 'globe', name: t('light.dns'), to: '/admin/dns', kind: 'good', says: t('light.dns.good') }
  if (wrong > 0) {
    const says = count('light.dns.bad', wrong)
    return { ...light, kind: 'bad', says, todo: [{ what: says, what_to_do: t('light.dns.do') }] }
  }
  if (needed.some((r) => r.state === 'unknown')) return { ...light, kind: 'wait', says: t('light.dns.unknown') }
  return light
}

function collectLight(sources: Source[]): Light | undefined {
  if (sources.length === 0) return undefined
  const bad = sources.filter((s) => s.problem && !s.paused)
  const last = sources.map((s) => s.last_good ?? '').sort().at(-1)
  return {
    icon: 'collect', name: t('light.collect'), to: '/admin/flow', kind: bad.length ? 'bad' : 'good', says: bad[0] ? line(bad[0]) : count('light.collect.good', sources.length),
    more: last && t('light.collect.last', { when: whenText(last) }),
    todo: bad.map((s) => ({ what: line(s), what_to_do: t('light.collect.do') })),
  }
}

const line = (s: Source) => t('light.collect.bad', { user: s.user, host: s.host, problem: s.problem ?? '' })

function versionLight(v: Versions): Light {
  const light: Light = { icon: 'settings', name: t('light.version'), to: '/admin/box', kind: 'good', says: t('light.version.runs', { version: v.running }) }
  if (v.on_trial) return { ...light, kind: 'wait', says: t('light.version.trial', { version: v.running }) }
  if (v.installing?.state === 'installed') {
    const says = t('light.version.installed', { version: v.installing.version })
    return { ...light, kind: 'wait', says, todo: [{ what: says }] }
  }
  if (v.last && !v.last.well && v.last.from === v.running) {
    return {
      ...light, kind: 'wait',
      more: t('light.version.failed', { to: v.last.to, reason: v.last.reason ?? '' }) + ' ' + t('light.version.failed.do', { version: v.running }),
    }
  }
  return light
}
