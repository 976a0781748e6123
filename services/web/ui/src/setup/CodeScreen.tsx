import { useState } from 'preact/hooks'
import { api, problemOf, type Status } from '../api'
import type { Fault } from '../check/fault'
import { Field } from '../parts/Field'
import { Fingerprint, Note, Title } from '../parts/parts'
import { t } from '../texts'
import { Drawing } from './Drawing'
import { askSafe } from './SafeScreen'
import { leave, next, shown, StepForm } from './step'
import { change, draft, faultsOf } from './state'

/** Screen 1: the code that stands on the box's own screen. */
export function CodeScreen({ status }: { status: Status }) {
  const [busy, setBusy] = useState(false)
  const [refused, setRefused] = useState<Fault>()
  const submit = async (form: HTMLFormElement) => {
    if (!draft.value.code.trim()) return next('code', form)
    setBusy(true)
    setRefused(undefined)
    try {
      await api.checkCode(draft.value.code)
      change({ codeGood: true })
      await askSafe()
      next('code', form)
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 409) return location.reload() // set up meanwhile, from elsewhere
      setRefused({ message: p.message, mend: p.whatToDo })
      requestAnimationFrame(() => form.querySelector('input')?.focus())
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <Title lead={t('code.lead')}>{t('code.title')}</Title>
      {status.setting_up && <Note kind="wait" title={t('code.running')}>{t('code.running.text')}</Note>}
      <Drawing />
      <StepForm step="code" submit={submit} busy={busy}>
        <Field
          label={t('code.label')}
          hint={t('code.hint')}
          value={draft.value.code}
          onValue={(code) => {
            setRefused(undefined)
            change({ code, codeGood: false })
          }}
          onLeave={draft.value.code ? undefined : leave('code')}
          fault={refused ?? (draft.value.code ? undefined : shown(faultsOf('code'), 'code'))}
          input={{ autocomplete: 'off', class: 'mono', placeholder: t('code.example') }}
        />
      </StepForm>
      {status.certificate && (
        <details class="aside">
          <summary>{t('code.sure')}</summary>
          <p>{t('code.sure.text')}</p>
          <Fingerprint text={status.certificate} />
        </details>
      )}
    </>
  )
}
