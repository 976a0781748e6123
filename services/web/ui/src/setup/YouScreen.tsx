import { suggestLocal } from '../check/address'
import { strength } from '../check/password'
import { Field, PasswordField } from '../parts/Field'
import { Title } from '../parts/parts'
import { t } from '../texts'
import { leave, shown, StepForm } from './step'
import { adminPassword, change, domain, draft, faultsOf } from './state'

/** How strong a password is: a bar and its word. */
export function StrengthMeter({ password, local }: { password: string; local: string }) {
  if (!password) return null
  const s = strength(password, local)
  return (
    <div class={'strength level-' + s.level}>
      <span class="bars" aria-hidden="true">
        {[0, 1, 2, 3].map((i) => <i key={i} class={i <= s.level ? 'on' : ''} />)}
      </span>
      <span role="status">{t(s.word)}</span>
    </div>
  )
}

/** Screen 3: who runs the box. */
export function YouScreen() {
  const d = draft.value
  const faults = faultsOf('you')
  return (
    <>
      <Title lead={t('you.lead')}>{t('you.title')}</Title>
      <StepForm step="you">
        <Field
          label={t('you.name')}
          value={d.name}
          onValue={(name) => change({ name, local: d.localTouched ? d.local : suggestLocal(name) })}
          onLeave={leave('name')}
          fault={shown(faults, 'name')}
          input={{ autocomplete: 'name', autocapitalize: 'words' }}
        />
        <Field
          label={t('you.local')}
          hint={t('you.local.hint')}
          value={d.local}
          onValue={(local) => change({ local: local.trim().toLowerCase(), localTouched: true })}
          onLeave={leave('local')}
          fault={shown(faults, 'local')}
          after={<span class="suffix">@{domain.value || t('you.domain.later')}</span>}
          input={{ autocomplete: 'off' }}
        />
        {/* For password managers: the name that this password goes with. */}
        <input type="text" class="unseen" autocomplete="username" value={d.local + '@' + domain.value} tabIndex={-1} aria-hidden="true" readOnly />
        <PasswordField
          label={t('you.password')}
          hint={t('you.password.hint')}
          value={adminPassword.value}
          onValue={(v) => (adminPassword.value = v)}
          onLeave={leave('password')}
          fault={shown(faults, 'password')}
          below={<StrengthMeter password={adminPassword.value} local={d.local} />}
          input={{ autocomplete: 'new-password' }}
        />
      </StepForm>
    </>
  )
}
