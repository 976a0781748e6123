import { useRef, useState } from 'preact/hooks'
import { api, problemOf, type Problem, type Status } from '../api'
import type { Fault } from '../check/fault'
import { passwordFault } from '../check/password'
import { PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { t as own } from '../parts/own'
import { Note, ProblemNote, Title } from '../parts/parts'
import { StrengthMeter } from '../setup/YouScreen'
import { t } from '../texts'
import { useConnect } from '../connect/Connect'
import { AppPasswords } from './AppPasswords'
import { Devices } from './Devices'
import { Passkeys } from './Passkeys'
import { SecondFactor } from './SecondFactor'
import { me } from './session'
import { Shares } from './Shares'
import { SignedIn } from './SignedIn'

/** /me: a person's own page. */
export function Me({ status }: { status: Status }) {
  const who = me.value!
  const local = who.address.split('@')[0] ?? ''
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const [faults, setFaults] = useState<Record<string, Fault | undefined>>({})
  const [problem, setProblem] = useState<Problem>()
  const [done, setDone] = useState(false)
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const show = (found: Record<string, Fault | undefined>) => {
    setFaults(found)
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
  }
  const submit = async () => {
    const found = { current: current ? undefined : { message: t('me.current.missing'), mend: t('me.current.mend') }, password: passwordFault(password, local) }
    setDone(false)
    setProblem(undefined)
    if (found.current || found.password) return show(found)
    setFaults({})
    setBusy(true)
    try {
      await api.setOwnPassword(current, password)
      setCurrent('')
      setPassword('')
      setDone(true)
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 401) me.value = null
      else if (p.field) show({ [p.field]: { message: p.message, mend: p.whatToDo } })
      else setProblem(p)
    } finally {
      setBusy(false)
    }
  }
  return (
    <div class="reading">
      <Title lead={who.address}>{who.name || t('frame.me')}</Title>
      {done && <Note kind="good" live title={t('me.done')}>{t('me.done.text')}</Note>}
      <ProblemNote problem={problem} />
      <section class="panel">
        <h2>{t('me.password')}</h2>
        <p class="hint">{t('me.password.hint')}</p>
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void submit() }}>
          <input type="text" class="unseen" autocomplete="username" value={who.address} tabIndex={-1} aria-hidden="true" readOnly />
          <PasswordField label={t('me.current')} value={current} onValue={setCurrent} fault={faults['current']} input={{ autocomplete: 'current-password' }} />
          <PasswordField label={t('me.new')} hint={t('you.password.hint')} value={password} onValue={setPassword} fault={faults['password']}
            below={<StrengthMeter password={password} local={local} />} input={{ autocomplete: 'new-password' }} />
          <div class="actions">
            <button type="submit" class="primary" aria-disabled={busy}>{t('me.go')}</button>
          </div>
        </form>
      </section>
      <SecondFactor />
      <Passkeys hostname={status.hostname} />
      <AppPasswords />
      <SignedIn />
      <Devices />
      <Shares />
      <Programs address={who.address} />
      <section class="panel">
        <h2>{t('me.deleted')}</h2>
        <p class="hint">{t('me.deleted.hint')}</p>
        <div class="row-actions"><a class="button" href="/me/deleted"><Icon name="undo" />{t('me.deleted.go')}</a></div>
      </section>
      <section class="panel">
        <h2>{own('me.mail')}</h2>
        <p class="hint">{own('me.mail.hint')}</p>
        <div class="row-actions"><a class="button" href="/me/mail"><Icon name="download" />{own('me.mail.go')}</a></div>
      </section>
    </div>
  )
}

/** What a phone or a mail program has to be told, and the way to the steps for each. */
function Programs({ address }: { address: string }) {
  const connect = useConnect()
  return (
    <section class="panel">
      <h2>{t('me.programs')}</h2>
      <p class="hint">{t('me.programs.hint')}</p>
      <div class="with-qr">
        <dl class="settings">
          <div class="setting"><dt>{t('settings.user')}</dt><dd class="break">{address}</dd></div>
          <div class="setting"><dt>{t('sheet.server')}</dt><dd class="break">{connect?.server}</dd></div>
        </dl>
        <figure>
          <img src="/api/connect/qr.svg" width="148" height="148" alt={t('guide.qr', { link: connect?.link ?? '' })} />
          <figcaption>{t('me.programs.qr')}</figcaption>
        </figure>
      </div>
      <div class="row-actions">
        <a class="button" href="/connect"><Icon name="laptop" />{t('home.connect')}</a>
        <a class="button" href={'/profile.mobileconfig?' + new URLSearchParams({ address })} download><Icon name="phone" />{t('me.programs.profile')}</a>
        <a class="button" href="/me/programs"><Icon name="key" />{own('me.special')}</a>
      </div>
    </section>
  )
}
