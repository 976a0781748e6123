// What the steps of a message come to.
import type { TraceStep, Traced } from './api'
import type { Kind } from './show'

export type Fate = 'delivered' | 'sent' | 'waiting' | 'held' | 'later' | 'refused' | 'returned' | 'dropped' | 'coming' | 'knocked'

/** What a step of the box's log is, for the pages; "other" is shown in the log's words. */
export type Verb = 'received' | 'judged' | 'refused' | 'recipient' | 'delivered' | 'later' | 'decision' | 'tried' | 'broken' | 'found' | 'other'

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
  for (const s of m.steps) {
    switch (verbOf(s)) {
      case 'refused': fate = 'refused'; break
      case 'recipient': fate = 'refused'; break
      case 'later': fate = 'later'; break
      case 'decision': fate = 'held'; break
      case 'found': fate = s.about['account'] ? 'delivered' : 'waiting'; mailboxes ||= !!s.about['account']; break
      case 'delivered':
        mailboxes ||= Number(about(s, 'mailboxes')) > 0
        fate = Number(about(s, 'outside')) > 0 ? 'waiting' : 'delivered'
        break
      case 'tried': tries.set(about(s, 'to'), about(s, 'state')); break
      case 'other': if (fate === 'coming' && about(s, 'verb') === 'accept') fate = 'knocked'; break
    }
  }
  const states = [...tries.values()]
  if (states.includes('failed')) return 'returned'
  if (states.includes('queued')) return 'waiting'
  if (states.includes('held')) return 'held'
  if (states.includes('dropped')) return 'dropped'
  if (states.length > 0) return mailboxes && states.every((s) => s === 'delivered') ? 'delivered' : 'sent'
  return fate
}

export const kinds: Record<Fate, Kind> = {
  delivered: 'good', sent: 'good', waiting: 'wait', held: 'wait', later: 'later', refused: 'bad', returned: 'bad', dropped: 'bad', coming: 'busy', knocked: 'bad',
}

/** How a step is marked on the timeline. */
export function kindOf(step: TraceStep): Kind {
  switch (verbOf(step)) {
    case 'refused':
    case 'recipient':
    case 'broken':
      return 'bad'
    case 'later':
      return 'later'
    case 'decision':
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
