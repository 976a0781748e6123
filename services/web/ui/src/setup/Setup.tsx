// The set-up: which screen stands under which address, the rail beside it, and
// the rules of walking through it.
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Status } from '../api'
import { Icon, Mark } from '../parts/Icon'
import { go, path } from '../router'
import { t } from '../texts'
import { CheckScreen } from './CheckScreen'
import { ClosedScreen, DoneScreen } from './DoneScreen'
import { CodeScreen } from './CodeScreen'
import { DomainScreen } from './DomainScreen'
import { PeopleScreen } from './PeopleScreen'
import { boxFaults, change, draft, faultsOf, firstOpen, outcome, stepOf, steps, walked, type Faults, type Step } from './state'
import { TimeScreen } from './TimeScreen'
import { WorkingScreen } from './WorkingScreen'
import { YouScreen } from './YouScreen'

const address = (step: Step) => (step === 'code' ? '/setup' : '/setup/' + step)

/** Fields that have been left, or all of them after "next": only these show faults. */
export const left = signal<Record<string, boolean>>({})
const all = '*'

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
  const to = via ?? steps[steps.indexOf(from) + 1]!
  change({ reached: Math.max(draft.value.reached, steps.indexOf(to)) })
  goStep(to)
}

export function Setup({ status }: { status: Status }) {
  takeCode()
  const wanted = (steps.find((s) => address(s) === path.value) ?? (path.value.startsWith('/setup/done') ? 'done' : 'code')) as Step
  const isOver = status.set_up || outcome.value !== undefined
  const step: Step = isOver ? (wanted === 'working' ? 'working' : 'done') : wanted === 'done' ? 'code' : firstOpen(wanted)
  useEffect(() => {
    if (!isOver && step !== wanted) goStep(step, { replace: true })
  }, [step, wanted, isOver])
  useEffect(() => {
    // What the box has refused is shown at once, where it was typed.
    left.value = Object.keys(boxFaults.value).some((field) => stepOf(field) === step) ? { [all]: true } : {}
  }, [step])

  if (isOver && wanted !== 'done' && wanted !== 'working') return <ClosedScreen status={status} />
  return (
    <div class="setup">
      <Rail step={step} />
      <main class={'screen screen-' + step}>{screenOf(step, status)}</main>
    </div>
  )
}

function screenOf(step: Step, status: Status) {
  switch (step) {
    case 'code': return <CodeScreen status={status} />
    case 'time': return <TimeScreen />
    case 'you': return <YouScreen />
    case 'domain': return <DomainScreen />
    case 'people': return <PeopleScreen />
    case 'check': return <CheckScreen />
    case 'working': return <WorkingScreen />
    case 'done': return <DoneScreen status={status} />
  }
}

/** Takes the code from behind the # and out of the address bar, so that it
 * doesn't stay in the history. */
function takeCode() {
  const code = decodeURIComponent(location.hash.slice(1))
  if (!code) return
  history.replaceState(null, '', location.pathname + location.search)
  if (/^[\w -]{5,64}$/.test(code)) change({ code, codeGood: false })
}

/** How far one is: a list at the side, a line of segments on a phone. */
function Rail({ step }: { step: Step }) {
  const at = steps.indexOf(step)
  const over = at >= walked.length
  return (
    <aside class="rail">
      <div class="brand">
        <Mark />
        <span>Sanduk</span>
      </div>
      <nav aria-label={t('rail.label')}>
        <p class="rail-now" aria-hidden="true">
          {over ? t(`step.${step}`) : t('rail.now', { n: at + 1, of: walked.length, what: t(`step.${step}`) })}
        </p>
        <ol>
          {walked.map((s, i) => {
            const state = i === at ? 'now' : over || i < Math.max(at, draft.value.reached) ? 'past' : 'ahead'
            const label = (
              <>
                <span class="dot">{state === 'past' ? <Icon name="check" size={14} /> : i + 1}</span>
                <span class="word">{t(`step.${s}`)}</span>
              </>
            )
            return (
              <li key={s} class={state} aria-current={i === at ? 'step' : undefined}>
                {state === 'past' && !over ? <a href={address(s)}>{label}</a> : <span class="plain">{label}</span>}
              </li>
            )
          })}
        </ol>
      </nav>
      <p class="rail-foot">{t('rail.foot')}</p>
    </aside>
  )
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
  const before = steps[steps.indexOf(step) - 1]
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
