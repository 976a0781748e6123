import { useEffect, useRef } from 'preact/hooks'
import { Icon } from '../parts/Icon'
import { query, setQuery } from '../router'

/** A field to search by; what is in it stands in the address as q. The key / leads to it. */
export function Search({ label }: { label: string }) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== '/' || (e.target as Element).closest('input, textarea, select, dialog')) return
      e.preventDefault()
      field.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return (
    <div class="field search">
      <div class="box">
        <Icon name="search" />
        <input ref={field} type="search" value={query.value.get('q') ?? ''} aria-label={label} placeholder={label} onInput={(e) => setQuery('q', e.currentTarget.value)} />
        <kbd>/</kbd>
      </div>
    </div>
  )
}
