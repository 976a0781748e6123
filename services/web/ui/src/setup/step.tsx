// Walking through the set-up: the address of each screen, which faults show,
// and the form that every step stands in.
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { Icon } from '../parts/Icon'
import { go } from '../router'
import { t } from '../texts'
import { beside, change, draft, faultsOf, steps, type Faults, type Step } from './state'

export const address = (step: Step) => (step === 'code' ? '/setup' : '/setup/' + step)

/** Fields that have been left, or all of them after "next": only these show faults. */
export const left = signal<Record<string, boolean>>({})
export const all = '*'

/** What to show under a field now. */
export const shown = (faults: Faults, field: string) => (left.value[field] || left.value[all] ? faults[field] : undefined)
export const leave = (field: string) => () => {
  if (!left.value[field]) left.value = { ...left.value, [field]: true }
}

export function goStep(step: Step, options?: { replace?: boolean }) {
  go(address(step), options)
}

/** Moves on from a step if it is complete, else shows what is missing and puts
 * the focus there. */
export function next(from: Step, form: HTMLElement | null, via?: Step) {
  if (Object.values(faultsOf(from)).some(Boolean)) {
    left.value = { [all]: true }
    requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus())
    return
  }
  const to = via ?? beside(from, 1)!
  change({ reached: Math.max(draft.value.reached, steps.indexOf(to)) })
  goStep(to)
}

/** The form of one step: Enter and the button go on, Back goes back. */
export function StepForm({ step, children, label, submit, busy, calm }: {
  step: Step
  children: ComponentChildren
  label?: string
  submit?: (form: HTMLFormElement) => void
  busy?: boolean
  calm?: boolean // something else on the screen is the main act for now
}) {
  const ref = useRef<HTMLFormElement>(null)
  const before = beside(step, -1)
  return (
    <form
      ref={ref}
      noValidate
      onSubmit={(e) => {
        e.preventDefault()
        if (busy) return
        if (submit) submit(ref.current!)
        else next(step, ref.current)
      }}
    >
      {children}
      <div class="actions">
        <button type="submit" class={calm ? '' : 'primary'} aria-disabled={busy}>
          {busy && <Icon name="busy" />}
          {label ?? t('next')}
          {!busy && !label && <Icon name="next" />}
        </button>
        {before && (
          <button type="button" class="quiet" onClick={() => goStep(before)}>
            <Icon name="back" />
            {t('back')}
          </button>
        )}
      </div>
    </form>
  )
}
