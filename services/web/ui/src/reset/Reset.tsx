import { useRef, useState } from 'preact/hooks'
import { call, problemOf, type Problem, type Status } from '../api'
import type { Fault } from '../check/fault'
import { passwordFault } from '../check/password'
import { Field, PasswordField } from '../parts/Field'
import { Icon, Mark } from '../parts/Icon'
import { Languages } from '../parts/Languages'
import { Note, ProblemNote, Title } from '../parts/parts'
import { decoded } from '../router'
import { StrengthMeter } from '../setup/YouScreen'
import { ByLink } from './ByLink'
import { t } from './texts'

/** /reset#CODE, or /reset#CODE/ADDRESS from an administrator's link. What stands behind the # is taken out of the
 * address bar, so that it doesn't stay in the history. */
export default function Reset({ status }: { status: Status }) {
  const [[code, address]] = useState(() => {
    const [code = '', ...rest] = decoded(location.hash.slice(1)).split('/')
    history.replaceState(null, '', location.pathname)
    return [code, rest.join('/')] as const
  })
  return address ? <ByLink code={code} address={address} /> : <ByScreen status={status} start={code} />
}

/** A new password for an administrator, with a code from the box's screen. */
function ByScreen({ status, start }: { status: Status; start: string }) {
  const [code, setCode] = useState(start)
  const [address, setAddress] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [done, setDone] = useState('')
  const [problem, setProblem] = useState<Problem>()
  const [faults, setFaults] = useState<{ code?: Fault; address?: Fault; password?: Fault }>({})
  const form = useRef<HTMLFormElement>(null)
  const whole = address.includes('@') ? address.trim() : address.trim() + '@' + (status.domains?.[0] ?? '')
  const local = whole.slice(0, whole.lastIndexOf('@'))
  // Who mends a field need not look at what was wrong with it.
  const typed = (set: (value: string) => void) => (value: string) => {
    setFaults({})
    set(value)
  }
  const submit = async () => {
    const weak = passwordFault(password, local)
    const found = {
      ...(code.trim() ? {} : { code: { message: t('code.missing'), mend: t('code.missing.mend') } }),
      ...(address.trim() ? {} : { address: { message: t('wayback.address.missing'), mend: t('wayback.address.mend') } }),
      ...(weak ? { password: weak } : {}),
    }
    setFaults(found)
    setProblem(undefined)
    if (Object.keys(found).length) {
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
      return
    }
    setBusy(true)
    try {
      await call<void>('POST', '/api/password-reset', { address: whole, password }, { Authorization: 'Claim ' + code.trim() })
      setDone(whole)
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setBusy(false)
    }
  }
  if (done) {
    return (
      <main class="alone">
        <div class="brand"><Mark /><span>Sanduk</span></div>
        <Title>{t('wayback.title')}</Title>
        <Note kind="good" title={t('wayback.done')}>{t('wayback.done.text', { address: done })}</Note>
        <div class="actions"><a class="button primary" href="/admin">{t('wayback.signin')}</a></div>
      </main>
    )
  }
  return (
    <main class="alone">
      <div class="brand"><Mark /><span>Sanduk</span></div>
      <Title lead={t('wayback.lead')}>{t('wayback.title')}</Title>
      <ProblemNote problem={problem} />
      <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void submit() }}>
        <Field label={t('code.label')} hint={t('code.hint')} value={code} onValue={typed(setCode)} fault={faults.code}
          input={{ autocomplete: 'off', class: 'mono', placeholder: t('code.example') }} />
        <Field label={t('wayback.address')} value={address} onValue={typed(setAddress)} fault={faults.address}
          input={{ autocomplete: 'username', inputMode: 'email' }}
          after={address && !address.includes('@') && status.domains?.[0] ? <span class="suffix">@{status.domains[0]}</span> : undefined} />
        <PasswordField label={t('wayback.password')} hint={t('you.password.hint')} value={password} onValue={typed(setPassword)} fault={faults.password}
          below={<StrengthMeter password={password} local={local} />} input={{ autocomplete: 'new-password' }} />
        <div class="actions">
          <button type="submit" class="primary" aria-disabled={busy}>
            {busy && <Icon name="busy" />}
            {t('wayback.go')}
          </button>
          <a class="button quiet" href="/admin">{t('wayback.signin')}</a>
        </div>
      </form>
      <Languages />
    </main>
  )
}
