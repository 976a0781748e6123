import { useEffect, useState } from 'preact/hooks'
import { call, problemOf, type Problem } from '../api'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { Phrase } from '../parts/Phrase'
import { t, type SafeState } from '../parts/safe'
import { change, draft, faultsOf } from './state'
import { shown, StepForm } from './step'

const path = '/api/setup/encryption'
const claim = () => ({ Authorization: 'Claim ' + draft.value.code })

/** Asks how the disk is encrypted; a box that has nothing to say of it has no such step. */
export async function askSafe() {
  const safe = await call<SafeState>('GET', path, undefined, claim()).catch(() => undefined)
  change({ safe })
}

/** The screen about encryption: a phrase where the disk is encrypted, a choice where it isn't. */
export function SafeScreen() {
  const safe = draft.value.safe
  const [phrase, setPhrase] = useState('')
  const [problem, setProblem] = useState<Problem>()
  const [restarting, setRestarting] = useState<'' | 'phrase' | 'plain'>('')
  const [on, setOn] = useState(false)
  useEffect(() => void askSafe(), [])
  if (!safe) return <Busy label={t('loading')} />
  if (restarting) return <Restarting asks={restarting === 'phrase'} />
  const show = async () => {
    setProblem(undefined)
    try {
      setPhrase((await call<{ phrase: string }>('POST', path + '/phrase', undefined, claim())).phrase)
    } catch (error) {
      setProblem(problemOf(error))
    }
  }
  const keep = async () => {
    await call<void>('PUT', path + '/phrase', { phrase }, claim())
    setPhrase('')
    if (safe.encrypted) return askSafe()
    setRestarting('phrase')
  }
  const leave = async () => {
    setProblem(undefined)
    try {
      await call<void>('DELETE', path, undefined, claim())
      setRestarting('plain')
    } catch (error) {
      setProblem(problemOf(error))
    }
  }
  const fault = shown(faultsOf('safe'), 'phrase')
  return (
    <>
      <Title lead={t('safe.lead')}>{t('safe.title')}</Title>
      <ProblemNote problem={problem} />
      {safe.encrypted ? (
        <section class="panel">
          <h2>{t('safe.tpm')}</h2>
          {safe.tpm && <p>{t('safe.tpm.text')}</p>}
          {safe.phrase && !phrase && <Note kind="good" title={t('safe.done')} live>{t('safe.done.text')}</Note>}
          {phrase ? <Phrase phrase={phrase} keep={keep} /> : (
            <div class="row-actions">
              <button type="button" class={safe.phrase ? '' : 'primary'} onClick={() => void show()}>{t(safe.phrase ? 'safe.again' : 'phrase.show')}</button>
            </div>
          )}
        </section>
      ) : (
        <fieldset class="choices">
          <legend class="unseen">{t('safe.choice')}</legend>
          <Choice on={!on} name="off" pick={() => { setOn(false); setPhrase('') }} />
          <Choice on={on} name="on" pick={() => { setOn(true); if (!phrase) void show() }} />
        </fieldset>
      )}
      {!safe.encrypted && <p class="soft">{t('safe.later')}</p>}
      {!safe.encrypted && on && phrase && <section class="panel"><Phrase phrase={phrase} keep={keep} label={t('safe.go')} /></section>}
      {fault && !phrase && <Note kind="bad" title={fault.message} live>{fault.mend}</Note>}
      {safe.encrypted && !phrase && (
        <details class="aside">
          <summary>{t('safe.leave')}</summary>
          <p>{t('safe.leave.text')}</p>
          <div class="row-actions"><button type="button" onClick={() => void leave()}>{t('safe.leave.go')}</button></div>
        </details>
      )}
      {!phrase && <StepForm step="safe" calm={safe.encrypted && !safe.phrase}>{null}</StepForm>}
    </>
  )
}

function Choice({ on, name, pick }: { on: boolean; name: 'on' | 'off'; pick: () => void }) {
  return (
    <label class={'card-choice' + (on ? ' on' : '')}>
      <input type="radio" name="safe" checked={on} aria-describedby={'safe-' + name} onChange={pick} />
      <span class="way-text">
        <strong>{t(`safe.${name}`)}</strong>
        <span id={'safe-' + name}><small>{t(`safe.${name}.text`)}</small></span>
      </span>
    </label>
  )
}

/** While the box restarts, and how it goes on. */
function Restarting({ asks }: { asks: boolean }) {
  return (
    <>
      <Title>{t('safe.restart')}</Title>
      <Note kind="wait" live>{t(asks ? 'safe.restart.text' : 'safe.restart.plain')}</Note>
      <div class="actions">
        {/* The box shows another code then. */}
        <a class="button primary" href="/setup" data-load onClick={() => change({ code: '', codeGood: false, safe: undefined })}><Icon name="next" />{t('safe.restart.next')}</a>
      </div>
    </>
  )
}
