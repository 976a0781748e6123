// The address is the state: what is shown follows from path and query alone.
import { signal } from '@preact/signals'

export const path = signal(location.pathname)
export const query = signal(new URLSearchParams(location.search))

function read() {
  path.value = location.pathname
  query.value = new URLSearchParams(location.search)
}

addEventListener('popstate', read)

/** Shows another page. `replace` leaves no way back to the present one. */
export function go(to: string, options: { replace?: boolean } = {}) {
  if (options.replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  read()
}

/** A piece of an address as text; "" when a slip has made it unreadable. */
export function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece)
  } catch {
    return ''
  }
}

/** Puts a value into the query without a new entry in the history. */
export function setQuery(name: string, value: string) {
  const q = new URLSearchParams(location.search)
  if (value) q.set(name, value)
  else q.delete(name)
  const text = q.toString()
  go(location.pathname + (text ? '?' + text : ''), { replace: true })
}

/** For links: a plain click stays in the app, every other click is the browser's,
 * and so are links marked data-load. */
export function follow(event: MouseEvent) {
  const link = (event.target as Element).closest('a')
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (link.target || link.hasAttribute('download') || link.hasAttribute('data-load') || link.origin !== location.origin) return
  if (!/^\/($|setup|admin|me(\/|$)|mail|connect)/.test(link.pathname)) return
  event.preventDefault()
  go(link.pathname + link.search)
}
