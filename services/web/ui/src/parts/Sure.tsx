import { useState } from 'preact/hooks'
import { api, problemOf, type Problem } from '../api'
import { me } from '../admin/session'
import { t } from '../admin/texts'
import { Dialog } from './Dialog'
import { Field } from './Field'
import { asked } from './sure'

/** The question before what a browser that was left open may not do. */
export default function Sure() {
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const end = asked.value
  if (!end) return null
  const ask = async (form: HTMLFormElement) => {
    setBusy(true)
    setProblem(undefined)
    try {
      await api.confirm(password)
      end(true)
    } catch (error) {
      setProblem(problemOf(error))
      setBusy(false)
      form.querySelector('input')?.select()
    }
  }
  const wrong = problem?.field === 'password' ? { message: problem.message, mend: problem.whatToDo } : undefined
  return (
    <Dialog title={t('sure.title')} act={t('sure.act')} busy={busy} problem={wrong ? undefined : problem} onAct={(form) => void ask(form)} onClose={() => end(false)}>
      <p>{t('sure.text')}</p>
      <input type="text" autocomplete="username" value={me.value?.address ?? ''} readOnly hidden />
      <Field label={t('sure.password')} value={password} onValue={setPassword} fault={wrong} input={{ type: 'password', autocomplete: 'current-password' }} />
    </Dialog>
  )
}
