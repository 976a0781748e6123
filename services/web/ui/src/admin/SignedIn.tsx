import { useState } from 'preact/hooks'
import { api, problemOf, type Problem, type SessionInfo } from '../api'
import { readAgent } from '../check/agent'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { locale, t } from '../texts'
import { useLoad } from './load'
import { me } from './session'

const when = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })

function nameOf(s: SessionInfo): string {
  const { browser, system } = readAgent(s.agent)
  if (browser && system) return t('signedin.on', { browser, system })
  return browser || system || t('signedin.unnamed')
}

/** The browsers that one is signed in with, each to be signed out. */
export function SignedIn() {
  const sessions = useLoad(api.sessions, [])
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  const [said, setSaid] = useState('')
  const act = async (what: () => Promise<void>, done: string) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    setSaid('')
    try {
      await what()
      setSaid(done)
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 401) me.value = null
      else if (p.status !== 404) setProblem(p) // one that has ended by itself is what was wanted
    } finally {
      setBusy(false)
      void sessions.reload()
    }
  }
  const list = sessions.data ?? []
  return (
    <section class="panel">
      <h2>{t('signedin.title')}</h2>
      <p class="hint">{t('signedin.hint')}</p>
      {said && <Note kind="good" live title={said} />}
      <ProblemNote problem={problem ?? sessions.problem} />
      {!sessions.data && !sessions.problem && <Busy label={t('loading')} />}
      <ul class="signed-in">
        {list.map((s) => (
          <li key={s.id}>
            <div>
              <strong>{nameOf(s)}</strong>
              <span class="soft">{s.current ? t('signedin.here') : t('signedin.seen', { when: when.format(new Date(s.seen)), address: s.peer })}</span>
            </div>
            {!s.current && (
              <button type="button" aria-disabled={busy} onClick={() => void act(() => api.endSession(s.id), t('signedin.done'))}>
                <Icon name="out" />{t('frame.out')}<span class="unseen"> {nameOf(s)}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      {list.length > 2 && (
        <div class="row-actions">
          <button type="button" aria-disabled={busy} onClick={() => void act(api.endOtherSessions, t('signedin.all.done'))}><Icon name="out" />{t('signedin.all')}</button>
        </div>
      )}
    </section>
  )
}
