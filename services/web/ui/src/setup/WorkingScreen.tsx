import { useEffect, useRef, useState } from 'preact/hooks'
import { api, problemOf, type Problem } from '../api'
import { Icon } from '../parts/Icon'
import { ProblemNote, Title } from '../parts/parts'
import { count, t, type Key } from '../texts'
import { goStep } from './step'
import { adminPassword, boxFaults, domain, draft, firstOpen, forget, outcome, passwordsSent, setupDocument, stepOf } from './state'

type Stage = 'sending' | 'watching' | 'signing' | 'over'

/** How often the box is asked while another page's set-up is running. */
const POLL = 1500

/**
 * Screen 9: the set-up is one request, and the box does all of it or nothing.
 * So the states that are shown are those that the page knows: the box is at
 * work (for so long), it is done, signing in is done.
 */
export function WorkingScreen() {
  const [stage, setStage] = useState<Stage>('sending')
  const [problem, setProblem] = useState<Problem>()
  const seconds = useSeconds(!problem)
  const started = useRef(false)
  useEffect(() => {
    if (started.current) return
    started.current = true
    void run(setStage).then(setProblem)
  }, [])
  const again = () => {
    setProblem(undefined)
    setStage('sending')
    void run(setStage).then(setProblem)
  }
  const n = draft.value.people.length + 1
  const lines: [Stage, Key][] = [['sending', 'working.box'], ['signing', 'working.sign'], ['over', 'working.over']]
  const at = stage === 'watching' ? 0 : lines.findIndex(([s]) => s === stage)
  return (
    <>
      <Title lead={t('working.lead')}>{t('working.title')}</Title>
      <ProblemNote problem={problem} />
      {problem ? (
        <div class="actions">
          <button type="button" class="primary" onClick={again}>{t('again')}</button>
          <button type="button" class="quiet" onClick={() => goStep('check')}>
            <Icon name="back" />
            {t('back')}
          </button>
        </div>
      ) : (
        <div role="status">
        <ol class="stages">
          {lines.map(([s, text], i) => (
            <li key={s} class={i < at ? 'past' : i === at ? 'now' : 'ahead'}>
              <Icon name={i < at ? 'good' : i === at ? 'busy' : 'ahead'} size={20} />
              <div>
                <strong>{t(text)}</strong>
                {i === 0 && <p>{count('working.box.text', n)}</p>}
                {i === 0 && at === 0 && seconds > 2 && <p class="soft" aria-hidden="true">{t('working.since', { seconds })}</p>}
              </div>
            </li>
          ))}
        </ol>
        </div>
      )}
    </>
  )
}

function useSeconds(running: boolean): number {
  const [seconds, setSeconds] = useState(0)
  useEffect(() => {
    if (!running) return setSeconds(0)
    const timer = setInterval(() => setSeconds((s) => s + 1), 1000)
    return () => clearInterval(timer)
  }, [running])
  return seconds
}

/** Does the set-up, or finds out what became of it after a reload. */
async function run(stage: (s: Stage) => void): Promise<Problem | undefined> {
  const address = draft.value.local + '@' + domain.value
  try {
    if (adminPassword.value === '') return await watch(stage)
    stage('sending')
    try {
      const answer = await api.setUp(draft.value.code, setupDocument())
      passwordsSent.value = true
      outcome.value = answer
    } catch (error) {
      const p = problemOf(error)
      // Not reached: the line broke, perhaps behind the request. 409: somebody
      // else's set-up, or this page's own before it was reloaded.
      if (p.status === 0) passwordsSent.value = true
      if (p.status === 0 || p.status === 409) return await watch(stage)
      return refused(p)
    }
    stage('signing')
    await api.signIn(address, adminPassword.value).catch(() => undefined) // then the page asks later
    finish(stage)
    return undefined
  } catch (error) {
    return problemOf(error)
  }
}

/** Waits for a set-up that this page has no request for any more. */
async function watch(stage: (s: Stage) => void): Promise<Problem | undefined> {
  stage('watching')
  for (;;) {
    const status = await api.status()
    if (status.set_up) {
      outcome.value = await api.connect()
      finish(stage)
      return undefined
    }
    if (!status.setting_up) {
      goStep(firstOpen('check'), { replace: true })
      return undefined
    }
    await new Promise((resolve) => setTimeout(resolve, POLL))
  }
}

function finish(stage: (s: Stage) => void) {
  stage('over')
  forget()
  goStep('done', { replace: true })
}

/** A field was refused: its screen gets the fault, the check list shows it. */
function refused(p: Problem): Problem | undefined {
  const step = stepOf(p.field)
  if (!step) return p
  boxFaults.value = { [p.field]: { message: p.message, mend: p.whatToDo } }
  if (step === 'code') draft.value = { ...draft.value, codeGood: false }
  goStep(step === 'code' ? 'code' : 'check', { replace: true })
  return undefined
}
