// What changes by itself is told by the box (server-sent events); each page then asks by its usual call.
import { signal } from '@preact/signals'

export type Topic = 'queue' | 'held' | 'trace' | 'health' | 'collect' | 'moves' | 'jobs' | 'update' | 'log'

/** Whether the box tells of changes: where it doesn't, pages ask every so many seconds. */
export const live = signal(false)

const listeners = new Map<Topic, Set<() => void>>()
let source: EventSource | undefined
let told = '' // the topics that the stream is about
let planned: ReturnType<typeof setTimeout> | undefined

/** How soon a stream follows from what pages listen to: one page's parts come one after the other. */
const settle = 50
/** How soon a stream that was refused is tried again. */
const later = 60_000

/** Has something done when a topic changes, until what is returned is called. */
export function listen(topic: Topic, changed: () => void): () => void {
  const set = listeners.get(topic) ?? new Set()
  listeners.set(topic, set.add(changed))
  plan(settle)
  return () => {
    set.delete(changed)
    if (set.size === 0) listeners.delete(topic)
    plan(settle)
  }
}

function plan(after: number) {
  clearTimeout(planned)
  planned = setTimeout(follow, after)
}

function tell(topics: Iterable<Topic>) {
  const all = new Set([...topics].flatMap((topic) => [...(listeners.get(topic) ?? [])])) // a page may listen to several
  all.forEach((changed) => changed())
}

function close() {
  source?.close()
  source = undefined
  live.value = false
}

/** Opens the stream that is needed now; none where nobody looks. */
function follow() {
  const wanted = document.visibilityState === 'visible' ? [...listeners.keys()].sort().join() : ''
  if (wanted === told && (source || !wanted)) return
  close()
  told = wanted
  if (!wanted) return
  const mine = (source = new EventSource('/api/events?topics=' + wanted))
  let before = false
  mine.onopen = () => {
    live.value = true
    if (before) tell(listeners.keys()) // something may have happened in between
    before = true
  }
  mine.addEventListener('change', (e) => tell((e as MessageEvent<string>).data.split(' ') as Topic[]))
  mine.onerror = () => {
    live.value = false
    if (mine.readyState !== EventSource.CLOSED || source !== mine) return // the browser tries again by itself
    close()
    told = ''
    plan(later)
  }
}

document.addEventListener('visibilitychange', () => plan(settle))
