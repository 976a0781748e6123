// Who changes settings has seen them: the box's entity tags (RFC 9110 §8.8.3) of what was shown go with each change
// (If-Match), so that nobody undoes unseen what somebody else has changed meanwhile.

/** What was shown, by its tag. After a change of one's own it is that no more, and the next change is of what is shown then. */
interface Shown {
  readonly tag: string
  ours: boolean
}

export type Tags = ReadonlyMap<string, Shown>

/** By the path that shows it: what came last. */
const last = new Map<string, Shown>()

/** What a form has before it that is being sent; else what came last counts. */
let before: Tags | undefined

/** What is shown now: for a form, which stays as it is while what is around it is loaded anew. */
export const shownNow = (): Tags => new Map(last)

/** Has a change begin as one of what was shown then. */
export function ofWhatWasShown<T>(shown: Tags, change: () => T): T {
  before = shown
  try {
    return change()
  } finally {
    before = undefined
  }
}

const elsewhere: readonly (readonly [RegExp, string])[] = [
  [/^\/api\/accounts\/[^/]+\/role$/, '/api/accounts'],
  [/^\/api\/collect\/sources/, '/api/collect'],
  [/^\/api\/send-window$/, '/api/routes'],
  [/^\/api\/spare-servers$/, '/api/spares'],
  [/^\/api\/box-certificate\/issuance$/, '/api/box-certificate'],
  [/^\/api\/monitor\/\w+$/, '/api/monitor'],
]

/** The paths by which what a change is about may be shown: the same, or the list it is in. */
export function shownAt(method: string, path: string): string[] {
  const other = elsewhere.find(([where]) => where.test(path))
  if (other) return [other[1]]
  return method === 'POST' ? [path] : [path, path.slice(0, path.lastIndexOf('/'))]
}

/** The tag to send with a change; none where nothing of it was shown, and where only what is given is changed in a list. */
export function tagFor(method: string, path: string): string | undefined {
  if (method !== 'PUT' && method !== 'PATCH') return undefined
  const paths = shownAt(method, path)
  for (const at of method === 'PUT' ? paths : paths.slice(0, 1)) {
    const mine = before?.get(at)
    const shown = mine && !mine.ours ? mine : last.get(at)
    if (shown) return shown.ours ? undefined : shown.tag
  }
  return undefined
}

/** Keeps what the box has said was shown, or changed. */
export function done(method: string, path: string, tag: string | null) {
  if (method !== 'GET') {
    for (const at of shownAt(method, path)) {
      const shown = last.get(at)
      if (shown) shown.ours = true
    }
  } else if (tag && (last.get(path)?.tag !== tag || last.get(path)!.ours)) {
    last.set(path, { tag, ours: false })
  }
}

const loads = new Set<() => Promise<void>>()

/** Has something loaded anew when somebody else turns out to have changed what is shown, until what is returned is called. */
export function onChanged(load: () => Promise<void>): () => void {
  loads.add(load)
  return () => void loads.delete(load)
}

/** Loads anew what is shown. */
export async function loadAnew() {
  await Promise.all([...loads].map((load) => load()))
}
