// What the steps of a message come to.
import type { TraceStep, Traced } from './api'
import type { Kind } from './show'

export type Fate = 'delivered' | 'sent' | 'waiting' | 'held' | 'later' | 'refused' | 'returned' | 'dropped' | 'coming' | 'knocked' | 'deleted'

/** What a step of the box's log is, for the pages; "other" is shown in the log's words. */
export type Verb = 'received' | 'judged' | 'refused' | 'recipient' | 'delivered' | 'later' | 'decision' | 'tried' | 'broken' | 'found' | 'fetched' | 'moved' | 'deleted' | 'restored' | 'many' | Act | 'other'

/** What an administrator has done with it. */
export type Act = 'hold' | 'release' | 'retry' | 'drop' | 'redirect'

const verbs: Record<string, Verb> = {
  'message received': 'received',
  'message judged': 'judged',
  'message refused': 'refused',
  'message not delivered': 'refused',
  'recipient refused': 'recipient',
  'message delivered': 'delivered',
  'message that waited delivered': 'delivered',
  'message waits for its time': 'later',
  'message waits for a decision': 'decision',
  'message tried': 'tried',
  'a message was not finished': 'broken',
  'message found in a mailbox': 'found',
  'message found on its way': 'found',
  'messages fetched': 'fetched',
  'messages moved': 'moved',
  'messages deleted': 'deleted',
  'messages removed': 'deleted',
  'messages restored': 'restored',
  'many messages refused': 'many',
  'waiting message held': 'hold',
  'waiting message released': 'release',
  'waiting message retried': 'retry',
  'waiting message dropped': 'drop',
  'waiting message redirected': 'redirect',
  'held message released': 'release',
  'held message dropped': 'drop',
}

export const verbOf = (step: TraceStep): Verb => verbs[step.what] ?? 'other'

/** The first value of a name, "" if there is none. */
export const about = (step: TraceStep, name: string): string => step.about[name]?.[0] ?? ''

/** What a message is known by: the step that has it says from, to and subject. */
export interface Facts {
  from: string
  to: string[]
  more: number // recipients that are not named
  subject: string
  size: number
  at: string
}

export function factsOf(m: Traced): Facts {
  const best = m.steps.find((s) => s.about['subject']) ?? m.steps.find((s) => s.about['to']) ?? m.steps[0]
  const of = (name: string) => (best && about(best, name)) || m.steps.map((s) => about(s, name)).find(Boolean) || ''
  const to = best?.about['to'] ?? best?.about['account'] ?? m.steps.find((s) => s.about['to'])?.about['to'] ?? []
  return {
    from: of('author') || of('from'),
    to,
    more: Math.max(0, Number(of('recipients')) - to.length),
    subject: of('subject'),
    size: Number(of('size') || of('bytes')),
    at: m.steps[0]?.at ?? '',
  }
}

/** Where a message stands: of several recipients, what needs somebody counts first. */
export function fateOf(m: Traced): Fate {
  const tries = new Map<string, string>()
  let fate: Fate = 'coming'
  let mailboxes = false
  let decided = '' // what an administrator has done since the last try
  const has = new Set<string>() // in whose mail it is
  for (const s of m.steps) {
    switch (verbOf(s)) {
      case 'refused': fate = 'refused'; break
      case 'recipient': fate = 'refused'; break
      case 'many': fate = 'refused'; break
      case 'later': fate = 'later'; break
      case 'decision': fate = 'held'; break
      case 'found': fate = s.about['account'] ? 'delivered' : 'waiting'; mailboxes ||= !!s.about['account']; break
      case 'delivered':
        mailboxes ||= Number(about(s, 'mailboxes')) > 0
        s.about['account']?.forEach((who) => has.add(who))
        fate = Number(about(s, 'outside')) > 0 ? 'waiting' : 'delivered'
        break
      case 'tried': tries.set(about(s, 'to'), about(s, 'state')); decided = ''; break
      case 'hold': decided = 'held'; break
      case 'release': decided = ''; if (fate === 'held') fate = 'waiting'; break
      case 'drop': decided = 'dropped'; break
      case 'deleted': has.delete(ownerOf(s)); if (mailboxes && has.size === 0 && fate === 'delivered') fate = 'deleted'; break
      case 'restored': has.add(ownerOf(s)); if (fate === 'deleted') fate = 'delivered'; break
      case 'other': if (fate === 'coming' && about(s, 'verb') === 'accept') fate = 'knocked'; break
    }
  }
  if (decided === 'dropped') return 'dropped'
  if (decided === 'held') return 'held'
  const states = [...tries.values()]
  if (states.includes('failed')) return 'returned'
  if (states.includes('queued')) return 'waiting'
  if (states.includes('held')) return 'held'
  if (states.includes('dropped')) return 'dropped'
  if (states.length > 0) return mailboxes && states.every((s) => s === 'delivered') ? (fate === 'deleted' ? fate : 'delivered') : 'sent'
  return fate
}

/** In whose mail a step was. */
export const ownerOf = (s: TraceStep) => about(s, 'owner') || about(s, 'account')

/** The items of the queue that a message waits in. */
export const itemsOf = (m: Traced) => m.steps.map((s) => about(s, 'item')).filter(Boolean)

/** Whether what a step says has been deleted can be put back: nobody has since. */
export function canPutBack(m: Traced, step: TraceStep): boolean {
  if (verbOf(step) !== 'deleted' || !about(step, 'uid') || !about(step, 'mailbox')) return false
  return !m.steps.slice(m.steps.indexOf(step) + 1).some((s) => verbOf(s) === 'restored' && ownerOf(s) === ownerOf(step))
}

export const kinds: Record<Fate, Kind> = {
  delivered: 'good', sent: 'good', waiting: 'wait', held: 'wait', later: 'later', refused: 'bad', returned: 'bad', dropped: 'bad', coming: 'busy', knocked: 'bad', deleted: 'later',
}

/** How a step is marked on the timeline. */
export function kindOf(step: TraceStep): Kind {
  switch (verbOf(step)) {
    case 'refused':
    case 'recipient':
    case 'broken':
    case 'drop':
    case 'many':
      return 'bad'
    case 'moved':
    case 'deleted':
    case 'later':
      return 'later'
    case 'decision':
    case 'hold':
      return 'wait'
    case 'tried':
      return { failed: 'bad', queued: 'wait', held: 'wait', dropped: 'bad' }[about(step, 'state')] as Kind | undefined ?? 'good'
    case 'judged':
      return about(step, 'junk') === 'true' ? 'wait' : 'good'
    case 'other':
      return about(step, 'err') ? 'bad' : 'good'
  }
  return 'good'
}
