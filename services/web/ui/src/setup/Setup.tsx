// The set-up: which screen stands under which address, the rail beside it, and
// the rules of walking through it.
import { useEffect } from 'preact/hooks'
import type { Status } from '../api'
import { Icon, Mark } from '../parts/Icon'
import { Languages } from '../parts/Languages'
import { decoded, path } from '../router'
import { t } from '../texts'
import { CheckScreen } from './CheckScreen'
import { ClosedScreen, DoneScreen } from './DoneScreen'
import { CodeScreen } from './CodeScreen'
import { DomainScreen } from './DomainScreen'
import { PeopleScreen } from './PeopleScreen'
import { boxFaults, change, draft, firstOpen, outcome, stepOf, steps, walked, type Step } from './state'
import { address, all, goStep, left } from './step'
import { SafeScreen } from './SafeScreen'
import { TimeScreen } from './TimeScreen'
import { WaysScreen } from './WaysScreen'
import { WorkingScreen } from './WorkingScreen'
import { YouScreen } from './YouScreen'

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
    case 'safe': return <SafeScreen />
    case 'time': return <TimeScreen />
    case 'you': return <YouScreen />
    case 'domain': return <DomainScreen />
    case 'ways': return <WaysScreen />
    case 'people': return <PeopleScreen />
    case 'check': return <CheckScreen />
    case 'working': return <WorkingScreen />
    case 'done': return <DoneScreen status={status} />
  }
}

/** Takes the code from behind the # and out of the address bar, so that it
 * doesn't stay in the history. */
function takeCode() {
  const code = decoded(location.hash.slice(1))
  if (!code) return
  history.replaceState(null, '', location.pathname + location.search)
  if (/^[\w -]{5,64}$/.test(code)) change({ code, codeGood: false })
}

/** How far one is: a list at the side, a line of segments on a phone. */
function Rail({ step }: { step: Step }) {
  const list = walked.value
  const at = list.indexOf(step)
  const over = at < 0
  return (
    <aside class="rail">
      <div class="brand">
        <Mark />
        <span>Sanduk</span>
      </div>
      <nav aria-label={t('rail.label')}>
        <p class="rail-now" aria-hidden="true">
          {over ? t(`step.${step}`) : t('rail.now', { n: at + 1, of: list.length, what: t(`step.${step}`) })}
        </p>
        <ol>
          {list.map((s, i) => {
            const state = i === at ? 'now' : over || i < at || steps.indexOf(s) < draft.value.reached ? 'past' : 'ahead'
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
      {step === 'code' && <Languages />}
      <p class="rail-foot">{t('rail.foot')}</p>
    </aside>
  )
}
