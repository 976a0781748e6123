import { useState } from 'preact/hooks'
import { suggestInternal, tidyDomain } from '../check/address'
import { Field } from '../parts/Field'
import { Title } from '../parts/parts'
import { t } from '../texts'
import { leave, shown, StepForm } from './step'
import { boxFaults, change, domain, draft, faultsOf, hostname, usualHostname, type Draft } from './state'

/** Screen 4: the part behind the @, and the box's own name. */
export function DomainScreen() {
  const d = draft.value
  const faults = faultsOf('domain')
  const [open, setOpen] = useState(d.hostname !== '' || !!boxFaults.value['hostname'])
  const choice = (kind: Draft['kind'], title: string, text: string) => (
    <label class={'card-choice' + (d.kind === kind ? ' on' : '')}>
      <input type="radio" name="kind" checked={d.kind === kind} onChange={() => change({ kind, hostname: '' })} />
      <span>
        <strong>{title}</strong>
        <small>{text}</small>
      </span>
    </label>
  )
  return (
    <>
      <Title lead={t('domain.lead')}>{t('domain.title')}</Title>
      <StepForm step="domain">
        <fieldset class="choices">
          <legend class="unseen">{t('domain.choice')}</legend>
          {choice('own', t('domain.own'), t('domain.own.text'))}
          {choice('none', t('domain.none'), t('domain.none.text'))}
        </fieldset>
        {d.kind === 'own' ? (
          <Field
            key="own"
            label={t('domain.label')}
            value={d.domain}
            onValue={(v) => change({ domain: tidyDomain(v) })}
            onLeave={leave('domain')}
            fault={shown(faults, 'domain')}
            after={d.domain ? <span class="suffix quiet-suffix">{t('domain.you', { address: (d.local || 'you') + '@' + d.domain })}</span> : undefined}
            input={{ autocomplete: 'off', inputMode: 'url', placeholder: t('domain.example') }}
          />
        ) : (
          <Field
            key="none"
            label={t('domain.internal')}
            hint={t('domain.internal.hint')}
            value={d.internal.replace(/\.internal$/, '')}
            onValue={(v) => change({ internal: v.trim() ? suggestInternal(v) : '.internal' })}
            onLeave={leave('domain')}
            fault={shown(faults, 'domain')}
            after={<span class="suffix">.internal</span>}
            input={{ autocomplete: 'off' }}
          />
        )}
        {open ? (
          <Field
            label={t('host.label')}
            hint={t('host.hint')}
            value={d.hostname || usualHostname.value}
            onValue={(v) => change({ hostname: tidyDomain(v) === usualHostname.value ? '' : tidyDomain(v) })}
            onLeave={leave('hostname')}
            fault={shown(faults, 'hostname')}
            input={{ autocomplete: 'off', inputMode: 'url' }}
          />
        ) : (
          domain.value && !faults['domain'] && (
            <p class="line">
              <span>
                {t('host.will')} <strong class="break">{hostname.value}</strong>
              </span>
              <button type="button" class="link" onClick={() => setOpen(true)}>{t('change')}<span class="unseen"> {t('host.label')}</span></button>
            </p>
          )
        )}
      </StepForm>
    </>
  )
}
