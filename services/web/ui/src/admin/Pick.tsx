import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import type { Fault } from '../check/fault'
import { FaultText } from '../parts/Field'
import { path, query } from '../router'

/** One of several, in the browser's own list. */
export function Pick({ label, hint, value, onValue, options, fault }: {
  label: string
  hint?: string
  value: string
  onValue: (value: string) => void
  options: readonly (readonly [value: string, label: string])[]
  fault?: Fault | undefined
}) {
  const id = useId()
  return (
    <div class={'field' + (fault ? ' has-fault' : '')}>
      <label for={id}>{label}</label>
      {hint && <div id={id + '-hint'} class="hint">{hint}</div>}
      <div class="box">
        <select id={id} value={value} aria-describedby={(hint ? id + '-hint ' : '') + id + '-fault'} aria-invalid={fault ? 'true' : undefined} onChange={(e) => onValue(e.currentTarget.value)}>
          {options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
        </select>
      </div>
      <FaultText id={id + '-fault'} fault={fault} />
    </div>
  )
}

/** Yes or no, with a word on what it means. */
export function Check({ label, hint, value, onValue }: { label: string; hint?: string; value: boolean; onValue: (value: boolean) => void }) {
  const id = useId()
  return (
    <div class="check-field">
      <label class="check">
        <input type="checkbox" checked={value} aria-describedby={hint ? id : undefined} onChange={(e) => onValue(e.currentTarget.checked)} />
        {label}
      </label>
      {hint && <div id={id} class="hint">{hint}</div>}
    </div>
  )
}

/** Links to parts of a page. What is asked for by the query stays. */
export function Parts({ label, parts }: { label: string; parts: (readonly [to: string, label: ComponentChildren])[] }) {
  const q = query.value.toString()
  const at = path.value
  const nav = useRef<HTMLElement>(null)
  // On a phone not all of them have room: the one that is open must be seen.
  useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [at])
  return (
    <nav ref={nav} class="parts" aria-label={label}>
      {parts.map(([to, text]) => <a key={to} href={to + (q ? '?' + q : '')} aria-current={at === to || (to !== parts[0]![0] && at.startsWith(to + '/')) ? 'page' : undefined}>{text}</a>)}
    </nav>
  )
}
