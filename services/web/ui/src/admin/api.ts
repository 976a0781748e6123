// The part of the box's API that is for whoever runs it.
import { call, refusal, unreachable, type Person } from '../api'

/** The address of one of several things, or of what belongs to it. */
function under(base: string) {
  return (id: string, what = '') => base + '/' + encodeURIComponent(id) + (what && '/' + what)
}

export interface Finding {
  what: string
  what_to_do?: string
}

export interface Health {
  ok: boolean
  findings: Finding[]
  notes?: string[]
  last_read?: string
  next_read?: string
  log_bytes: number
  dead_bytes: number
  freed_bytes: number
  free_bytes: number
}

export interface HopCounts {
  hop: string
  via?: string
  waiting: number
  sending: number
  dead: boolean
  probe?: string
  reply?: string
}

export interface QueueStats {
  messages: number
  sending: number
  opens?: string
  hops: HopCounts[] | null
}

export interface Attempt {
  at: string
  took_ns: number
  server?: string
  addr?: string
  tls?: string
  fate: string
  reply: string
}

export interface Recipient {
  address: string
  original?: string
  hop: string
  state: 'queued' | 'held' | 'delivered' | 'relayed' | 'failed' | 'dropped'
  tries: number
  next?: string
  attempts: Attempt[] | null
}

export interface Waiting {
  id: string
  message: string
  from: string
  accepted: string
  size: number
  hold_until?: string
  by?: string
  require_tls?: boolean
  to: Recipient[]
}

export interface Change {
  number: number
  at: string
  who: string
  from?: string
  what: string
  on: string
  said?: unknown
}

export interface TallyDay {
  day: string
  counts: Record<string, number>
}

export interface TraceStep {
  at: string
  what: string // in the words of the box's log
  about: Record<string, string[]>
}

export interface Traced {
  id: string
  steps: TraceStep[]
  left_out?: number // steps in the middle that are not told
}

export interface Held {
  id: string
  from: string
  to: string[]
  at: string
  size: number
  why: string
  inside: boolean
}

export type RecordState = 'ok' | 'missing' | 'differs' | 'unknown'

export interface DNSRecord {
  about: string
  need: 'needed' | 'useful' | 'later' | 'old'
  name: string
  type: string
  value?: string
  data?: string
  state: RecordState
  found?: string[]
  what_to_do?: string
}

export interface DNS {
  ok: boolean
  records: DNSRecord[]
  notes?: string[]
}

export type Kind = 'alias' | 'shared' | 'group'
export type Senders = 'anybody' | 'office' | 'members' | 'named'

export interface Listing {
  address: string
  kind: Kind
  name: string
  members: string[]
  who?: Senders
  named?: string[]
}

export interface Domain {
  name: string
  main: boolean
  alias_of?: string
  catch_all?: string
}

export interface Rules {
  forward: string[]
  keep: boolean
  local_only: boolean
  send_as: string[]
}

export interface Access {
  who: string
  office: boolean
  networks: string[]
}

export interface Place {
  mailbox: string
  uid: number
}

export interface Expunged extends Place {
  name: string
  mailbox_gone: boolean
  at: string
  until: string
  moved: boolean
  back: boolean
  from: string
  subject: string
  received: string
  size: number
}

export interface Folder {
  id: string
  name: string
  messages: number
  size: number
  at?: string
  until?: string
}

export interface RemovedPerson {
  id: string
  address: string
  name: string
  at: string
  until: string
}

export interface Job {
  id: string
  state: 'running' | 'done' | 'failed' | 'stopped'
  step?: 'reading' | 'restoring'
  done: number
  total: number
  problem?: { message: string; what_to_do?: string }
  folder?: string
  mailboxes: number
  back: number
  there: number
  flagged: number
  gone: number
}

export interface Restored {
  messages: { outcome: 'back' | 'there' | 'gone' }[]
  problem?: { message: string; what_to_do?: string }
}

/** What was deleted of one person's mail: anybody's by address, or one's own. */
export function undoOf(address: string | undefined) {
  const base = address === undefined ? '/api/me/undo' : account(address, 'undo')
  return {
    messages: (filter: Record<string, string>) => call<{ messages: Expunged[]; next?: string }>('GET', base + '/messages?' + new URLSearchParams(filter)),
    restore: (messages: Place[]) => call<Restored>('POST', base + '/messages', { messages }),
    folders: () => call<{ mailboxes: Folder[]; deleted: Folder[] }>('GET', base + '/mailboxes'),
    restoreFolder: (id: string) => call<{ mailboxes: Folder[] }>('POST', base + '/mailboxes/' + encodeURIComponent(id)),
    asOf: (ask: { at: string; mailbox?: string; in_place?: boolean; folder?: string }) => call<Job>('POST', base + '/as-of', ask),
    job: (id: string) => call<Job>('GET', under('/api/jobs')(id)),
    stop: (id: string) => call<void>('DELETE', under('/api/jobs')(id)),
  }
}
export type Undo = ReturnType<typeof undoOf>

export interface Signing {
  domain: string
  by: 'box' | 'provider'
}

export interface Source {
  id: string
  protocol: string
  host: string
  user: string
  into: string
  last?: string
  last_good?: string
  next?: string
  running: boolean
  paused: boolean
  listening: boolean
  problem?: string
  collected: number
  unsorted: number
  deleted: number
  too_large: number
  waiting: number
  settings?: SourceSettings
}

/** A mailbox at a provider. What these pages don't show is kept as it was. */
export interface SourceSettings {
  protocol: 'pop3' | 'imap'
  host: string
  port?: number
  tls: 'implicit' | 'starttls' | 'none'
  user: string
  password?: string
  into: string
  every: string
  leave: string
  paused?: boolean
}

export interface SourceTrial {
  works: boolean
  problem?: string
  messages: number
  new: number
}

/** What these pages don't show, such as when mail is tried again, is kept as it was. */
export interface Route {
  domain: string // "*": all mail that has no other
  below?: boolean
  way: 'direct' | 'smarthost'
  host?: string
  port?: number
  tls?: 'starttls' | 'implicit' | 'none'
  user?: string
  password?: string
  pin?: string
  fall_back?: boolean
}

export interface RouteTrial {
  well: boolean
  server?: string
  tls?: string
  text: string
  advice?: string
}

export interface Versions {
  running: string
  on_trial: boolean
  previous?: string
  installing?: { version: string; state: 'installing' | 'installed' | 'refused'; problem?: string }
  last?: { time: string; from: string; to: string; well: boolean; reason?: string }
  keys?: string[]
}

const account = under('/api/accounts')
const aliases = under('/api/aliases')
const groups = under('/api/groups')
const sourceAt = under('/api/collect/sources')
const routeAt = under('/api/routes')
export const waiting = under('/api/queue')
export const heldAt = under('/api/held')

/** A line of the box's log; it may have more members. */
export interface LogLine {
  time?: string
  level?: string
  unit: string
  msg: string
  [more: string]: unknown
}

export interface LogPage {
  lines: LogLine[]
  next?: string
  newest?: string
  lost?: boolean
}

export const office = {
  health: () => call<Health>('GET', '/api/health'),
  queue: (filter: Record<string, string>) => call<{ messages: Waiting[]; more: boolean }>('GET', '/api/queue?' + new URLSearchParams(filter)),
  waiting: (id: string) => call<Waiting>('GET', waiting(id)),
  alterWaiting: (id: string, how: 'hold' | 'release' | 'retry') => call<void>('POST', waiting(id, how)),
  dropWaiting: (id: string) => call<void>('DELETE', waiting(id)),
  redirect: (id: string, from: string, to: string) => call<void>('POST', waiting(id, 'redirect'), { from, to }),
  retryAll: (hop: string) => call<void>('POST', '/api/queue/retry', { hop }),
  releaseHeld: (id: string) => call<void>('POST', heldAt(id, 'release')),
  dropHeld: (id: string) => call<void>('DELETE', heldAt(id)),
  appPasswords: (address: string) => call<{ count: number; only: boolean }>('GET', account(address, 'app-passwords')),
  endAppPasswords: (address: string) => call<void>('DELETE', account(address, 'app-passwords')),
  passkeys: (address: string) => call<{ count: number }>('GET', account(address, 'passkeys')),
  endPasskeys: (address: string) => call<void>('DELETE', account(address, 'passkeys')),
  endFactor: (address: string) => call<void>('DELETE', `/api/accounts/${encodeURIComponent(address)}/second-factor`),
  changes: (filter: Record<string, string>) => call<{ changes: Change[]; more: boolean; next: number }>('GET', '/api/audit?' + new URLSearchParams(filter)),
  log: (filter: Record<string, string>) => call<LogPage>('GET', '/api/log?' + new URLSearchParams(filter)),
  tally: () => call<{ days: TallyDay[] }>('GET', '/api/tally'),
  trace: (filter: Record<string, string>) => call<{ messages: Traced[]; next: string }>('GET', '/api/trace?' + new URLSearchParams(filter)),
  traced: (id: string) => call<Traced>('GET', under('/api/trace')(id)),
  queueStats: () => call<QueueStats>('GET', '/api/queue/stats'),
  held: (after = '') => call<{ held: Held[]; more: boolean }>('GET', '/api/held' + (after && '?' + new URLSearchParams({ after }))),
  dns: (look: boolean) => call<DNS>('GET', '/api/dns' + (look ? '' : '?look=no')),
  listings: async () => {
    const [a, g] = await Promise.all([call<{ aliases: Listing[] }>('GET', '/api/aliases'), call<{ groups: Listing[] }>('GET', '/api/groups')])
    return [...a.aliases, ...g.groups].sort((a, b) => a.address.localeCompare(b.address))
  },
  setListing: ({ address, kind, name, members, who, named }: Listing) =>
    kind === 'group' ? call<Listing>('PUT', groups(address), { name, members, who, named }) : call<Listing>('PUT', aliases(address), { kind, name, members }),
  removeListing: (l: Listing) => call<void>('DELETE', (l.kind === 'group' ? groups : aliases)(l.address)),
  domains: () => call<{ domains: Domain[] }>('GET', '/api/domains').then((r) => r.domains),
  rules: (address: string) => call<Rules>('GET', account(address, 'rules')),
  changeRules: (address: string, rules: Partial<Rules>) => call<Rules>('PATCH', account(address, 'rules'), rules),
  setQuota: (address: string, bytes: number) => call<Person>('PATCH', account(address), { quota_bytes: bytes }),
  setDisabled: (address: string, disabled: boolean) => call<void>('PATCH', '/api/accounts/' + encodeURIComponent(address), { disabled }),
  passwordLink: (address: string) => call<{ path: string; hours: number }>('POST', '/api/accounts/' + encodeURIComponent(address) + '/password-link'),
  access: () => call<{ access: Access[] }>('GET', '/api/access').then((r) => r.access),
  setAccess: (access: Access) => call<void>('PUT', '/api/access', access),
  removed: () => call<{ accounts: RemovedPerson[] }>('GET', '/api/removed-accounts').then((r) => r.accounts),
  bringBack: (id: string, address: string, password: string) => call<void>('POST', under('/api/removed-accounts')(id), { address, password }),
  signing: () => call<{ domains: Signing[] }>('GET', '/api/signing').then((r) => r.domains),
  setSigning: (domain: string, by: Signing['by']) => call<void>('PUT', under('/api/signing')(domain), { by }),
  keys: (domain: string, what: 'prepare' | 'use') => call<void>('POST', under('/api/dns/keys')(domain), { do: what }),
  collectNow: () => call<void>('POST', '/api/collect', { user: '' }),
  addSource: (s: SourceSettings) => call<void>('POST', '/api/collect/sources', s),
  setSource: (id: string, s: SourceSettings) => call<void>('PUT', sourceAt(id), s),
  removeSource: (id: string) => call<void>('DELETE', sourceAt(id)),
  trySource: (s: SourceSettings) => call<SourceTrial>('POST', '/api/collect/try', s),
  routes: () => call<{ usual: Route; routes: Route[]; window: string[] }>('GET', '/api/routes'),
  setRoute: ({ domain, ...route }: Route) => call<void>('PUT', routeAt(domain), route),
  removeRoute: (domain: string) => call<void>('DELETE', routeAt(domain)),
  tryRoute: (route: Route) => call<RouteTrial>('POST', '/api/routes/test', route),
  sources: () => call<{ sources: Source[] }>('GET', '/api/collect').then((r) => r.sources),
  install: (bundle: File, progress: (part: number) => void, signal: AbortSignal) => upload('/api/update', bundle, progress, signal),
  previous: () => call<{ version: string }>('POST', '/api/update/previous'),
  restart: () => call<void>('POST', '/api/restart'),
  powerOff: () => call<void>('POST', '/api/power-off'),
  versions: () => call<Versions>('GET', '/api/update'),
}

/** Sends a file and says how much of it has gone, from 0 to 1: fetch doesn't. What the box answers comes as text. */
export function upload(path: string, file: File, progress: (part: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.upload.onprogress = (e) => { if (e.lengthComputable) progress(e.loaded / e.total) }
    request.onerror = () => reject(unreachable())
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'))
    request.onload = () => {
      if (request.status < 300) resolve(request.responseText)
      else reject(refusal(request.status, request.responseText))
    }
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}
