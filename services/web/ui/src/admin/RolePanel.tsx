import { useState } from 'preact/hooks'
import { api, type Person, type Role } from '../api'
import { Check, Pick } from './Pick'
import { Saving } from './Saving'
import { t } from './texts'

const roles: readonly Role[] = ['', 'help_desk', 'domain', 'admin', 'owner']

/** What somebody may do beside using their own mailbox: for an owner of the box. */
export function RolePanel({ person, domains, reload }: { person: Person; domains: readonly string[]; reload: () => void }) {
  const [role, setRole] = useState<Role>(person.role ?? '')
  const [of, setOf] = useState<readonly string[]>(person.domains ?? [])
  const chosen = role === 'domain' ? of : []
  const missing = role === 'domain' && of.length === 0 ? { message: t('role.domains.missing'), mend: t('role.domains.mend') } : undefined
  const save = async () => {
    await api.setRole(person.address, role, [...chosen])
    reload()
  }
  return (
    <section class="panel narrow">
      <h2>{t('role.title')}</h2>
      <p class="soft">{t('role.hint')}</p>
      <Saving check={() => ({ role: missing })} save={save} said={t('role.saved')}>
        {(faults) => (
          <>
            <Pick label={t('role.label')} hint={t(`role.${role || 'none'}.hint`)} value={role} onValue={(v) => setRole(v as Role)} fault={faults['role'] ?? faults['domains']}
              options={roles.map((r) => [r, t(`role.${r || 'none'}`)] as const)} />
            {role === 'domain' && (
              <fieldset class="check-field">
                <legend>{t('role.domains')}</legend>
                {domains.map((d) => <Check key={d} label={d} value={of.includes(d)} onValue={(on) => setOf(on ? [...of, d] : of.filter((x) => x !== d))} />)}
              </fieldset>
            )}
          </>
        )}
      </Saving>
    </section>
  )
}
