import { useRef, useState } from 'preact/hooks'
import { api, problemOf, type NewFactor, type Problem } from '../api'
import type { Fault } from '../check/fault'
import { Field, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, CopyButton, Note, ProblemNote } from '../parts/parts'
import { t } from '../texts'
import { useLoad } from './load'
import { me } from './session'

/** The code of an app, asked for beside the password: turned on here, and off. */
export function SecondFactor() {
  const state = useLoad(api.secondFactor, [])
  const [fresh, setFresh] = useState<NewFactor>()
  const [recovery, setRecovery] = useState<string[]>()
  const [code, setCode] = useState('')
  const [current, setCurrent] = useState('')
  const [faults, setFaults] = useState<Record<string, Fault | undefined>>({})
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const on = state.data?.on ?? false
  const act = async (what: () => Promise<void>) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    setFaults({})
    try {
      await what()
      setCode('')
      setCurrent('')
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 401) me.value = null
      else if (p.field === 'code' || p.field === 'current') {
        setFaults({ [p.field]: { message: p.message, mend: p.whatToDo } })
        requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
      } else setProblem(p)
    } finally {
      setBusy(false)
    }
  }
  const turnOn = async () => {
    const given = await api.turnOnFactor(fresh!.secret, code.trim(), current)
    setFresh(undefined)
    setRecovery(given)
    await state.reload()
  }
  const turnOff = async () => {
    await api.turnOffFactor(current)
    setRecovery(undefined)
    await state.reload()
  }
  if (state.absent) return null
  const password = <PasswordField label={t('me.current')} value={current} onValue={setCurrent} fault={faults['current']} input={{ autocomplete: 'current-password' }} />
  return (
    <section class="panel">
      <h2>{t('factor.title')}</h2>
      <p class="hint">{t('factor.hint')}</p>
      <ProblemNote problem={problem ?? state.problem} />
      {!state.data && !state.problem && <Busy label={t('loading')} />}
      {recovery && (
        <Note kind="good" live title={t('factor.done')}>
          <p>{t('factor.recovery')}</p>
          <p class="mono">{recovery.map((c) => [c, ' '])}<CopyButton text={recovery.join('\n')} label={t('factor.codes')} /></p>
          <p class="no-print"><button type="button" onClick={() => { document.documentElement.dataset['print'] = 'page'; window.print() }}><Icon name="print" />{t('done.print')}</button></p>
        </Note>
      )}
      {state.data && on && (
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); void act(turnOff) }}>
          <p><strong>{t('factor.on')}</strong> {t('factor.left', { left: state.data.recovery_left })}</p>
          {password}
          <div class="actions"><button type="submit" aria-disabled={busy}>{t('factor.off')}</button></div>
        </form>
      )}
      {state.data && !on && !fresh && (
        <div class="row-actions">
          <button type="button" aria-disabled={busy} onClick={() => void act(async () => setFresh(await api.newFactor()))}>{t('factor.begin')}</button>
        </div>
      )}
      {state.data && !on && fresh && (
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); void act(turnOn) }}>
          <p>{t('factor.scan')}</p>
          <svg class="factor-code" viewBox={`0 0 ${fresh.size} ${fresh.size}`} role="img" aria-label={t('factor.drawing')}>
            <rect width="100%" height="100%" fill="#fff" />
            <path fill="#000" d={fresh.path} shape-rendering="crispEdges" />
          </svg>
          <p>{t('factor.type')} <span class="mono break">{fresh.secret.replace(/(.{4})(?=.)/g, '$1 ')}</span></p>
          <Field label={t('factor.code')} value={code} onValue={setCode} fault={faults['code']} input={{ autocomplete: 'one-time-code' }} />
          {password}
          <div class="actions"><button type="submit" class="primary" aria-disabled={busy}>{t('factor.go')}</button></div>
        </form>
      )}
    </section>
  )
}
