import { useState } from 'preact/hooks'
import { api, type Person } from '../api'
import { localFault, nameFault, suggestLocal } from '../check/address'
import type { Fault } from '../check/fault'
import { newPassword, passwordFault } from '../check/password'
import { Dialog } from '../parts/Dialog'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { CopyButton } from '../parts/parts'
import { locale } from '../texts'
import { useAct, type Close } from './act'
import { t } from './texts'

/** A password that was made for somebody, to be read or copied. */
export function FirstPassword({ label, hint, value, onValue, fault }: { label: string; hint: string; value: string; onValue: (v: string) => void; fault: Fault | undefined }) {
  return (
    <Field label={label} hint={hint} value={value} onValue={onValue} fault={fault} input={{ autocomplete: 'off', class: 'mono' }}
      after={
        <>
          <button type="button" class="in-box" onClick={() => onValue(newPassword())} title={t('people.dice')}>
            <Icon name="dice" />
            <span class="unseen">{t('people.dice')}</span>
          </button>
          <CopyButton text={value} label={label} />
        </>
      } />
  )
}

export function AddDialog({ domain, close }: { domain: string; close: Close }) {
  const [name, setName] = useState('')
  const [local, setLocal] = useState('')
  const [touched, setTouched] = useState(false)
  const [password, setPassword] = useState(newPassword)
  const { busy, problem, faults, act } = useAct(close)
  const address = local + '@' + domain
  return (
    <Dialog title={t('add.title')} act={t('add.go')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, { name: nameFault(name), address: localFault(local), password: passwordFault(password, local) },
        () => api.addPerson(address, name.trim(), password), t('add.done', { name: name.trim(), address }))}>
      <Field label={t('people.name')} value={name} onValue={(v) => { setName(v); if (!touched) setLocal(suggestLocal(v)) }} fault={faults['name']}
        input={{ autocomplete: 'off', autocapitalize: 'words' }} />
      <Field label={t('people.address')} value={local} onValue={(v) => { setLocal(v.trim().toLowerCase()); setTouched(true) }} fault={faults['address']}
        after={<span class="suffix">@{domain}</span>} input={{ autocomplete: 'off' }} />
      <FirstPassword label={t('people.password')} hint={t('add.password.hint')} value={password} onValue={setPassword} fault={faults['password']} />
    </Dialog>
  )
}

export function PasswordDialog({ person, close }: { person: Person; close: Close }) {
  const [password, setPassword] = useState(newPassword)
  const { busy, problem, faults, act } = useAct(close)
  const who = person.name || person.address
  return (
    <Dialog title={t('reset.title', { name: who })} act={t('reset.go')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, { password: passwordFault(password, person.address.split('@')[0]) },
        () => api.setPassword(person.address, password), t('reset.done', { name: who }))}>
      <p>{t('reset.text')}</p>
      <FirstPassword label={t('reset.label')} hint={t('add.password.hint')} value={password} onValue={setPassword} fault={faults['password']} />
    </Dialog>
  )
}

export function RemoveDialog({ person, days, close }: { person: Person; days: number; close: Close }) {
  const { busy, problem, faults, act } = useAct(close)
  const who = person.name || person.address
  const until = new Date(Date.now() + days * 86_400_000).toLocaleDateString(locale, { day: 'numeric', month: 'long' })
  const fault = faults['address']
  return (
    <Dialog title={t('remove.title', { name: who })} act={t('remove.go', { name: who })} danger busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, {}, () => api.removePerson(person.address), t('remove.done', { name: who }))}>
      <p>{t('remove.text', { address: person.address })}</p>
      {days > 0 && <p>{t('remove.until', { date: until })}</p>}
      {fault && <p class="fault" role="alert"><Icon name="bad" size={16} /><span>{fault.message} {fault.mend}</span></p>}
    </Dialog>
  )
}
