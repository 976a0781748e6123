import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { Fault } from '../check/fault'
import { t } from '../texts'
import { Icon } from './Icon'

interface InputProps {
  type?: 'text' | 'password' | 'datetime-local'
  autocomplete?: string
  autocapitalize?: string
  inputMode?: 'email' | 'url'
  placeholder?: string
  class?: string
}

export interface FieldProps {
  label: string
  value: string
  onValue: (value: string) => void
  onLeave?: () => void
  hint?: ComponentChildren
  fault?: Fault | undefined
  after?: ComponentChildren // stands in the box, behind the text
  below?: ComponentChildren
  hideLabel?: boolean
  input?: InputProps
}

/** A fault under its field: what is wrong, and how to mend it. */
export function FaultText({ id, fault }: { id: string; fault: Fault | undefined }) {
  return (
    <div id={id} class="fault" aria-live="polite">
      {fault && (
        <>
          <Icon name="bad" size={16} />
          <span>
            {fault.message} {fault.mend}
          </span>
        </>
      )}
    </div>
  )
}

/** One line to type in. */
export function Field(p: FieldProps) {
  const id = useId()
  return (
    <div class={'field' + (p.fault ? ' has-fault' : '')}>
      <label for={id} class={p.hideLabel ? 'unseen' : undefined}>{p.label}</label>
      {p.hint && <div id={id + '-hint'} class="hint">{p.hint}</div>}
      <div class="box">
        <input
          id={id}
          spellcheck={false}
          autocapitalize="off"
          {...(p.input as { type?: 'text' })}
          value={p.value}
          aria-invalid={p.fault ? 'true' : undefined}
          aria-describedby={(p.hint ? id + '-hint ' : '') + id + '-fault'}
          onInput={(e) => p.onValue(e.currentTarget.value)}
          onBlur={p.onLeave}
        />
        {p.after}
      </div>
      {p.below}
      <FaultText id={id + '-fault'} fault={p.fault} />
    </div>
  )
}

/** A password, hidden until its owner wants to see it. */
export function PasswordField(p: FieldProps) {
  const [seen, setSeen] = useState(false)
  return (
    <Field
      {...p}
      input={{ ...p.input, type: seen ? 'text' : 'password' }}
      after={
        <button type="button" class="in-box" aria-pressed={seen} onClick={() => setSeen(!seen)}>
          <Icon name={seen ? 'eyeOff' : 'eye'} />
          <span class="unseen">{t('password.show')}</span>
        </button>
      }
    />
  )
}
