import { useState } from 'preact/hooks'
import { call, problemOf, type Problem } from '../api'
import { PasswordField } from '../parts/Field'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { Phrase } from '../parts/Phrase'
import { t, type SafeState } from '../parts/safe'
import { useLoad } from './load'
import { Check } from './Pick'

const path = '/api/encryption'

/** /admin/box/safe: how the disk is encrypted, and a new phrase. */
export function Encryption() {
  const loaded = useLoad(() => call<SafeState>('GET', path), [])
  const [said, setSaid] = useState(false)
  const s = loaded.data
  return (
    <>
      <ProblemNote problem={loaded.absent ? undefined : loaded.problem} />
      {(loaded.absent || (s && !s.encrypted)) && <Note kind="info" title={t('safe.is.off')}>{t('safe.off.why')}</Note>}
      {!s && !loaded.problem && <Busy label={t('loading')} />}
      {said && <Note kind="good" live>{t('phrase.kept')}</Note>}
      {s?.encrypted && !s.phrase && <Note kind="bad" title={t('safe.none')}>{t('safe.none.text')}</Note>}
      {s?.encrypted && (
        <section class="panel narrow">
          <h2>{t('safe.is.on', { cipher: s.cipher ?? '' })}</h2>
          <dl class="facts">
            <dt>{t('safe.opens')}</dt>
            <dd>{t(s.tpm ? 'safe.opens.tpm' : 'safe.opens.ask')}</dd>
          </dl>
        </section>
      )}
      {s?.encrypted && <NewPhrase state={s} over={() => { setSaid(true); void loaded.reload() }} />}
    </>
  )
}

/** Makes a phrase in two steps: the password, then the phrase itself. */
function NewPhrase({ state, over }: { state: SafeState; over: () => void }) {
  const [password, setPassword] = useState('')
  const [phrase, setPhrase] = useState('')
  const [ask, setAsk] = useState(state.ask)
  const [problem, setProblem] = useState<Problem>()
  const show = async () => {
    setProblem(undefined)
    try {
      setPhrase((await call<{ phrase: string }>('POST', path + '/phrase', { password })).phrase)
    } catch (error) {
      setProblem(problemOf(error))
    }
  }
  const keep = async () => {
    await call<void>('PUT', path + '/phrase', { phrase, password, ask })
    setPhrase('')
    setPassword('')
    over()
  }
  const fault = problem?.field === 'password' ? { message: problem.message, mend: problem.whatToDo } : undefined
  return (
    <section class="panel narrow">
      <h2>{t('safe.new')}</h2>
      <p>{t('safe.done.text')}</p>
      {phrase ? (
        <Phrase phrase={phrase} keep={keep}>
          {state.has_tpm && <Check label={t('safe.ask')} hint={t('safe.ask.text')} value={ask} onValue={setAsk} />}
        </Phrase>
      ) : (
        <form noValidate onSubmit={(e) => { e.preventDefault(); void show() }}>
          <ProblemNote problem={fault ? undefined : problem} />
          <PasswordField label={t('safe.password')} value={password} onValue={setPassword} fault={fault} input={{ autocomplete: 'current-password' }} />
          <div class="actions"><button type="submit">{t('phrase.show')}</button></div>
        </form>
      )}
    </section>
  )
}
