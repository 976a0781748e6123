import { batch, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Pick } from '../admin/Pick'
import { api, problemOf, type Findings, type Problem } from '../api'
import { Field, FaultText, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Title } from '../parts/parts'
import { t } from '../texts'
import { leave, shown, StepForm } from './step'
import { change, changeProvider, draft, faultsOf, smartPassword, sourcePasswords, type Faults, type SourceDraft, type Way } from './state'
import { WayDrawing } from './WayDrawing'

/** More mailboxes than this are added more easily when the box runs. */
const MAX_SOURCES = 20

/** What the box has found for a domain; asked once per domain, and kept while the page is. */
const looked = signal<{ domain: string; findings?: Findings; problem?: Problem }>({ domain: '' })

async function look(domain: string) {
  if (looked.value.domain === domain && !looked.value.problem) return
  looked.value = { domain }
  const answer = await api.findings(draft.value.code, domain).then((findings) => ({ findings }), (error: unknown) => ({ problem: problemOf(error) }))
  if (looked.value.domain !== domain) return // another one was typed meanwhile
  batch(() => {
    looked.value = { domain, ...answer }
    // What speaks for itself is chosen, unless somebody has been quicker.
    if ('findings' in answer && !draft.value.way) change({ way: answer.findings.advice })
  })
}

/** Screen 5: straight to the box, by the provider's mailboxes, or only inside. */
export function WaysScreen() {
  const d = draft.value
  const { findings, problem } = looked.value
  const faults = faultsOf('ways')
  const fault = shown(faults, 'way')
  useEffect(() => void look(d.domain), [d.domain])
  return (
    <>
      <Title lead={t('ways.lead')}>{t('ways.title')}</Title>
      <StepForm step="ways">
        <fieldset class="choices ways" aria-describedby="ways-fault" aria-invalid={fault ? 'true' : undefined} tabIndex={fault ? -1 : undefined}>
          <legend class="unseen">{t('ways.title')}</legend>
          {(['direct', 'provider', 'inside'] as const).map((way) => <Card key={way} way={way} findings={findings} />)}
        </fieldset>
        <FaultText id="ways-fault" fault={fault} />
        <div aria-live="polite">
          {!findings && !problem && <Busy label={t('ways.looking')} />}
          {problem && <p class="soft">{t('ways.failed')} {problem.message}</p>}
          {findings && <p class="soft">{t('ways.looked')}</p>}
        </div>
        {d.way === 'provider' && <Provider faults={faults} />}
      </StepForm>
    </>
  )
}

function Card({ way, findings }: { way: Way; findings: Findings | undefined }) {
  const on = draft.value.way === way
  const facts = findings ? factsOf(way, findings) : []
  return (
    <label class={'card-choice way' + (on ? ' on' : '')}>
      <input type="radio" name="way" checked={on} aria-describedby={'way-' + way} onChange={() => change({ way })} />
      <span class="way-text">
        <strong>
          {t(`ways.${way}`)}
          {findings?.advice === way && <span class="badge good"><Icon name="good" size={14} /> {t('ways.advice')}</span>}
        </strong>
        <span id={'way-' + way}>
          <small>{t(`ways.${way}.text`)}</small>
          {facts.map(([good, text]) => (
            <span key={text} class={'way-fact ' + (good ? 'good' : 'wait')}><Icon name={good ? 'check' : 'warn'} size={14} /><span>{text}</span></span>
          ))}
        </span>
      </span>
      <WayDrawing way={way} />
    </label>
  )
}

/** What speaks for a way, and what against it. */
function factsOf(way: Way, f: Findings): [good: boolean, text: string][] {
  if (!f.internet) return way === 'inside' ? [[true, t('ways.offline.inside')]] : [[false, t('ways.offline')]]
  if (way === 'inside') return []
  const today: [boolean, string][] = f.today.length ? [[way === 'provider', t('ways.today', { host: f.today[0]! })]] : []
  if (way === 'provider') return today
  const facts: [boolean, string][] = []
  if (f.line === 'public') facts.push([true, t('ways.line.public', { address: f.public ?? '' })])
  if (f.line === 'router') facts.push([true, t('ways.line.router', { address: f.public ?? '' })])
  if (f.line === 'shared') facts.push([false, t('ways.line.shared')])
  if (f.sending) facts.push([f.sending === 'open', t(`ways.port.${f.sending}`)])
  if (f.public) facts.push(f.named ? [true, t('ways.name', { name: f.name ?? '' })] : [false, t('ways.name.none', { address: f.public })])
  return [...facts, ...today]
}

const select = (v: string) => v as 'implicit' | 'starttls'

/** The provider's servers, as it says in its own instructions. */
function Provider({ faults }: { faults: Faults }) {
  const p = draft.value.provider
  const safety = [['implicit', t('ways.tls.implicit')], ['starttls', t('ways.tls.starttls')]] as const
  return (
    <>
      <section class="panel">
        <h2>{t('ways.in')}</h2>
        <p class="hint">{t('ways.in.hint')}</p>
        <div class="pair">
          <Pick label={t('ways.protocol')} value={p.protocol} onValue={(v) => changeProvider({ protocol: v as 'imap' | 'pop3' })} options={[['imap', 'IMAP'], ['pop3', 'POP3']]} />
          <Pick label={t('ways.tls')} value={p.hostTLS} onValue={(v) => changeProvider({ hostTLS: select(v) })} options={safety} />
        </div>
        <Field label={t('ways.host')} value={p.host} onValue={(host) => changeProvider({ host })} onLeave={leave('host')} fault={shown(faults, 'host')}
          input={{ autocomplete: 'off', inputMode: 'url', placeholder: t('ways.host.example') }} />
        {p.sources.map((s, i) => <Mailbox key={s.id} source={s} n={i + 1} only={p.sources.length === 1} faults={faults} />)}
        {p.sources.length < MAX_SOURCES && (
          <button type="button" onClick={() => changeProvider({ sources: [...p.sources, { id: Math.max(...p.sources.map((s) => s.id)) + 1, user: '', into: '' }] })}>
            <Icon name="plus" />{t('ways.box.add')}
          </button>
        )}
      </section>
      <section class="panel">
        <h2>{t('ways.out')}</h2>
        <p class="hint">{t('ways.out.hint')}</p>
        <Field label={t('ways.smart')} value={p.smart} onValue={(smart) => changeProvider({ smart })} onLeave={leave('smart')} fault={shown(faults, 'smart')}
          input={{ autocomplete: 'off', inputMode: 'url', placeholder: t('ways.smart.example') }} />
        <Pick label={t('ways.smart.tls')} value={p.smartTLS} onValue={(v) => changeProvider({ smartTLS: select(v) })} options={safety} />
        <Field label={t('ways.smart.user')} hint={t('ways.smart.user.hint')} value={p.smartUser} onValue={(smartUser) => changeProvider({ smartUser })} fault={shown(faults, 'smartUser')} input={{ autocomplete: 'off' }} />
        <PasswordField label={t('ways.smart.password')} value={smartPassword.value} onValue={(v) => (smartPassword.value = v)} onLeave={leave('smartPassword')}
          fault={shown(faults, 'smartPassword')} input={{ autocomplete: 'off' }} />
      </section>
    </>
  )
}

/** One mailbox at the provider, and whose mail is in it. */
function Mailbox({ source: s, n, only, faults }: { source: SourceDraft; n: number; only: boolean; faults: Faults }) {
  const d = draft.value
  const sources = d.provider.sources
  const set = (part: Partial<SourceDraft>) => changeProvider({ sources: sources.map((x) => (x.id === s.id ? { ...x, ...part } : x)) })
  const people = [...new Set([d.local, ...d.people.map((p) => p.local), s.into].filter(Boolean))]
  return (
    <fieldset class="mailbox">
      <legend>{t('ways.box', { n })}</legend>
      <Field label={t('ways.user')} value={s.user} onValue={(user) => set({ user })} onLeave={leave(`user-${s.id}`)} fault={shown(faults, `user-${s.id}`)} input={{ autocomplete: 'off', inputMode: 'email' }} />
      <PasswordField label={t('ways.password')} value={sourcePasswords.value[s.id] ?? ''} onValue={(v) => (sourcePasswords.value = { ...sourcePasswords.value, [s.id]: v })}
        onLeave={leave(`pass-${s.id}`)} fault={shown(faults, `pass-${s.id}`)} input={{ autocomplete: 'off' }} />
      <Pick label={t('ways.into')} value={s.into} onValue={(into) => set({ into })} fault={shown(faults, `into-${s.id}`)}
        options={[['', t('ways.into.all')], ...people.map((local) => [local, local + '@' + d.domain] as const)]} />
      {!only && (
        <button type="button" class="quiet" onClick={() => changeProvider({ sources: sources.filter((x) => x.id !== s.id) })}>
          <Icon name="remove" />{t('ways.box.remove', { n })}
        </button>
      )}
    </fieldset>
  )
}
