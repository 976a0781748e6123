import { useRef, useState } from 'preact/hooks'
import { api, Problem, problemOf, type Status } from '../api'
import type { Fault } from '../check/fault'
import { canPasskey, usePasskey } from '../check/webauthn'
import { Field, PasswordField } from '../parts/Field'
import { Icon, Mark } from '../parts/Icon'
import { Languages } from '../parts/Languages'
import { ProblemNote, Title } from '../parts/parts'
import { t } from '../parts/own'
import { me } from './session'

/** Address and password, for whichever page needs to know who is there. */
export function SignIn({ status, title, lead }: { status: Status; title: string; lead: string }) {
  const [address, setAddress] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState<string>() // undefined until it is asked for
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const [faults, setFaults] = useState<{ address?: Fault; password?: Fault; code?: Fault }>({})
  const form = useRef<HTMLFormElement>(null)
  // The office's domain may be left out.
  const whole = address.includes('@') ? address.trim() : address.trim() + '@' + (status.domains?.[0] ?? '')
  const submit = async () => {
    const found = {
      ...(address.trim() ? {} : { address: { message: t('signin.address.missing'), mend: t('signin.address.mend') } }),
      ...(password ? {} : { password: { message: t('signin.password.missing'), mend: t('signin.password.mend') } }),
    }
    setFaults(found)
    if (Object.keys(found).length) {
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
      return
    }
    setBusy(true)
    setProblem(undefined)
    try {
      me.value = await api.signIn(whole, password, code?.trim())
    } catch (error) {
      const p = problemOf(error)
      setBusy(false)
      if (p.field !== 'code') return setProblem(p)
      // The password was right. What was asked for the first time is no fault yet.
      setFaults(code === undefined ? {} : { code: { message: p.message, mend: p.whatToDo } })
      setCode('')
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[autocomplete="one-time-code"]')?.focus())
    }
  }
  const byPasskey = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      me.value = await api.signInByPasskey(await usePasskey(await api.passkeyChallenge()))
    } catch (error) {
      setBusy(false)
      setProblem(error instanceof DOMException ? new Problem(0, t('passkey.failed'), t('passkey.failed.do')) : problemOf(error))
    }
  }
  return (
    <main class="alone">
      <div class="brand"><Mark /><span>Sanduk</span></div>
      <Title lead={lead}>{title}</Title>
      <ProblemNote problem={problem} />
      <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void submit() }}>
        <Field label={t('signin.address')} value={address} onValue={setAddress} fault={faults.address}
          input={{ autocomplete: 'username', inputMode: 'email' }}
          after={address && !address.includes('@') && status.domains?.[0] ? <span class="suffix">@{status.domains[0]}</span> : undefined} />
        <PasswordField label={t('signin.password')} value={password} onValue={setPassword} fault={faults.password} input={{ autocomplete: 'current-password' }} />
        {code !== undefined && (
          <Field label={t('factor.code')} hint={t('factor.code.hint')} value={code} onValue={setCode} fault={faults.code} input={{ autocomplete: 'one-time-code' }} />
        )}
        <div class="actions">
          <button type="submit" class="primary" aria-disabled={busy}>
            {busy && <Icon name="busy" />}
            {t('signin.go')}
          </button>
          {status.passkeys && canPasskey() && (
            <button type="button" aria-disabled={busy} onClick={() => { if (!busy) void byPasskey() }}><Icon name="key" />{t('passkey.signin')}</button>
          )}
          <a class="button quiet" href="/connect">{t('home.connect')}</a>
        </div>
      </form>
      <Languages />
    </main>
  )
}
