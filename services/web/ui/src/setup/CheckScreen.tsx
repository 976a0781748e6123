import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { Icon } from '../parts/Icon'
import { Note, Title } from '../parts/parts'
import { count, t } from '../texts'
import { goStep, StepForm } from './step'
import { adminPassword, boxFaults, domain, draft, hostname, isClean, faultsOf, passwordsRenewed, stepOf, type Step } from './state'

/** How many people the list names before it only counts them. */
const NAMED = 8

/** Whose field it is, where there are several of them. */
function about(field: string): string {
  const at = /^accounts\[(\d+)\]/.exec(field)
  const person = at && draft.value.people[Number(at[1])]
  return person ? (person.name || person.local) + ': ' : ''
}

/** Screen 8: everything in one list, each line with the way to change it. */
export function CheckScreen() {
  const d = draft.value
  const passwordGone = adminPassword.value === ''
  const line = (step: Step, label: string, value: ComponentChildren, bad?: string) => (
    <div class="sum">
      <dt>{label}</dt>
      <dd>
        <div>{value}</div>
        {bad && <div class="fault"><Icon name="bad" size={16} /><span>{bad}</span></div>}
      </dd>
      <dd class="sum-change">
        <a href={'/setup/' + step} onClick={(e) => { e.preventDefault(); goStep(step) }}>{t('change')}<span class="unseen"> {label}</span></a>
      </dd>
    </div>
  )
  const refused = Object.entries(boxFaults.value)
  useEffect(() => {
    if (refused.length) document.querySelector<HTMLElement>('.note.bad')?.focus()
  }, [])
  const people = d.people
  return (
    <>
      <Title lead={t('check.lead')}>{t('check.title')}</Title>
      {refused.map(([field, fault]) => (
        <Note key={field} kind="bad" live title={about(field) + fault.message}>
          <p>
            {fault.mend}{' '}
            {stepOf(field) && (
              <a href={'/setup/' + stepOf(field)} onClick={(e) => { e.preventDefault(); goStep(stepOf(field)!) }}>{t('check.mend')}</a>
            )}
          </p>
        </Note>
      ))}
      <StepForm
        step="check"
        label={passwordGone ? t('check.password.again') : t('check.go')}
        submit={() => goStep(passwordGone ? 'you' : isClean(faultsOf('people')) ? 'working' : 'people')}
      >
        <dl class="summary">
          {line('you', t('step.you'), (
            <>
              <strong>{d.name}</strong>
              <span class="soft break">{d.local}@{domain.value}</span>
            </>
          ), passwordGone ? t('check.password') : undefined)}
          {line('domain', t('check.domain'), (
            <>
              <strong class="break">{domain.value}</strong>
              <span class="soft break">{d.kind === 'none' ? t('check.internal') : t('check.host', { host: hostname.value })}</span>
            </>
          ))}
          {d.kind === 'own' && line('ways', t('step.ways'), (
            <>
              <strong>{d.way && t(`ways.${d.way}`)}</strong>
              {d.way === 'provider' && <span class="soft break">{t('check.provider', { host: d.provider.host, smart: d.provider.smart })}</span>}
            </>
          ))}
          {line('people', t('step.people'), people.length === 0 ? t('check.nobody') : (
            <>
              <strong>{count('people.count', people.length)}</strong>
              <span class="soft">
                {people.slice(0, NAMED).map((p) => p.name || p.local).join(', ')}
                {people.length > NAMED && ' ' + count('check.more', people.length - NAMED)}
              </span>
              {passwordsRenewed.value && <span class="soft">{t('check.renewed')}</span>}
            </>
          ))}
          {line('time', t('step.time'), d.timezone.replace(/_/g, ' '))}
        </dl>
        <p class="soft">{t('check.after')}</p>
      </StepForm>
    </>
  )
}
