import { setQuery } from '../router'

/** A day as the box is asked: from its beginning, or until its end. */
export function dayAsked(name: string, text: string, later: number) {
  const at = new Date(text + 'T00:00')
  if (!text || isNaN(at.getTime())) return {}
  at.setDate(at.getDate() + later)
  return { [name]: at.toISOString() }
}

/** A day that stands in the address. */
export function Day({ name, label, value }: { name: string; label: string; value: string }) {
  return (
    <label class="day">
      <span>{label}</span>
      <input type="date" value={value} onChange={(e) => setQuery(name, e.currentTarget.value)} />
    </label>
  )
}
