import { useRef, useState } from 'preact/hooks'
import { call, problemOf, type Problem } from '../api'
import type { Fault } from '../check/fault'
import { passwordFault } from '../check/password'
import { PasswordField } from '../parts/Field'
import { Icon, Mark } from '../parts/Icon'
import { Languages } from '../parts/Languages'
import { Note, ProblemNote, Title } from '../parts/parts'
import { StrengthMeter } from '../setup/YouScreen'
import { t } from './texts'

/** A password that somebody chooses by a link from whoever runs the box. */
export function ByLink({ code, address }: { code: string; address: string }) {
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [done, setDone] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const [fault, setFault] = useState<Fault>()
  const form = useRef<HTMLFormElement>(null)
  const local = address.slice(0, address.lastIndexOf('@'))
  const submit = async () => {
    const weak = passwordFault(password, local)
    setFault(weak)
    setProblem(undefined)
    if (weak) return void requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
    setBusy(true)
    try {
      await call<void>('POST', '/api/password-link', { address, code, password })
      setDone(true)
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <main class="alone">
      <div class="brand"><Mark /><span>Sanduk</span></div>
      <Title lead={done ? undefined : t('link.lead')}>{t('link.title')}</Title>
      {done ? (
        <>
          <Note kind="good" title={t('wayback.done')} live>{t('link.done')}</Note>
          <div class="actions"><a class="button primary" href="/connect">{t('home.connect')}</a><a class="button quiet" href="/me">{t('wayback.signin')}</a></div>
        </>
      ) : (
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void submit() }}>
          <ProblemNote problem={problem} />
          <p class="break"><strong>{address}</strong></p>
          <input type="text" class="unseen" name="username" autocomplete="username" value={address} readOnly tabIndex={-1} aria-hidden="true" />
          <PasswordField label={t('wayback.password')} hint={t('you.password.hint')} value={password} onValue={(v) => { setFault(undefined); setPassword(v) }} fault={fault}
            below={<StrengthMeter password={password} local={local} />} input={{ autocomplete: 'new-password' }} />
          <div class="actions">
            <button type="submit" class="primary" aria-disabled={busy}>{busy && <Icon name="busy" />}{t('wayback.go')}</button>
          </div>
        </form>
      )}
      <Languages />
    </main>
  )
}
