import { useState } from 'preact/hooks'
import type { Person } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, CopyButton, Note, ProblemNote, Title } from '../parts/parts'
import { useDeeds } from './act'
import { office, type Access, type Rules } from './api'
import { Archive } from './Archive'
import { Devices } from './Devices'
import { Fetching, OldLogIn } from './Fetching'
import { Largest } from './Largest'
import { addressesFault, Lines, linesOf } from './Lines'
import { useLoad } from './load'
import { LogInCertificates } from './LogInCertificates'
import { MoveIn } from './Moves'
import { Panel } from './Panel'
import { Check, Parts } from './Pick'
import { Saving } from './Saving'
import { RolePanel } from './RolePanel'
import { may, me } from './session'
import { Shares } from './Shares'
import { size } from './show'
import { count, t } from './texts'

/** /admin/people/ADDRESS: one person, in parts. */
export function PersonPage({ person, domains, part, reload }: { person: Person; domains: readonly string[]; part: string; reload: () => void }) {
  const self = '/admin/people/' + encodeURIComponent(person.address)
  return (
    <>
      <p class="back-line"><a href="/admin/people"><Icon name="back" size={16} />{t('people.admin.title')}</a></p>
      <Title lead={person.address}>{person.name || person.address}</Title>
      {may('administrator') && <Parts label={person.name || person.address} parts={[[self, t('person.part.person')], [self + '/programs', t('person.part.programs')], [self + '/mail', t('person.part.mail')]]} />}
      {part === 'programs' ? <PersonPrograms person={person} /> : part === 'mail' ? <><MoveIn person={person} /><Archive of={person.address} /></> : <PersonItself person={person} domains={domains} reload={reload} />}
    </>
  )
}

/** What is special about this person's programs. */
function PersonPrograms({ person }: { person: Person }) {
  return (
    <>
      <Fetching of={person.address} />
      <OldLogIn of={person.address} />
      <LogInCertificates of={person.address} />
    </>
  )
}

/** One person's room, rules and addresses. */
function PersonItself({ person, domains, reload }: { person: Person; domains: readonly string[]; reload: () => void }) {
  const rules = useLoad(() => office.rules(person.address), [person.address])
  const listings = useLoad(office.listings, [])
  const access = useLoad(office.access, [])
  const deeds = useDeeds(reload)
  const self = '/admin/people/' + encodeURIComponent(person.address)
  const own = person.address === me.value?.address
  const addresses = (listings.data ?? []).filter((l) => l.members.includes(person.address))
  return (
    <>
      <div class="row-actions">
        <a class="button" href={own ? '/me' : self + '/password'}><Icon name="key" />{t('people.act.password')}</a>
        {may('administrator') && <a class="button" href={'/admin/deleted?' + new URLSearchParams({ who: person.address })}><Icon name="undo" />{t('undo.title')}</a>}
        {!own && (
          <button type="button" aria-disabled={!!deeds.doing} onClick={() => void deeds.run('disable', () => office.setDisabled(person.address, !person.disabled), t(person.disabled ? 'people.enabled' : 'people.disabled.done'))}>
            <Icon name={deeds.doing ? 'busy' : 'key'} />{t(person.disabled ? 'people.enable' : 'people.disable')}
          </button>
        )}
        {!own && <a class="button quiet" href={self + '/remove'}><Icon name="remove" />{t('people.act.remove')}</a>}
      </div>
      <ProblemNote problem={deeds.problem ?? (rules.absent ? undefined : rules.problem)} />
      {deeds.said && <Note kind="good" live>{deeds.said}</Note>}
      {person.disabled && <Note kind="wait" title={t('people.disabled')}>{t('people.disabled.text')}</Note>}
      {!own && <PasswordLink key={'l' + person.address} person={person} />}
      {!own && may('owner') && <RolePanel key={'role' + person.address} person={person} domains={domains} reload={reload} />}
      <Room person={person} reload={reload} />
      {may('administrator') && <Largest key={'size' + person.address} person={person} />}
      {!rules.data && !rules.problem && <Busy label={t('loading')} />}
      {rules.data && <Forward key={'f' + person.address} person={person} rules={rules.data} reload={rules.reload} />}
      {listings.data && rules.data && (
        <Panel title={t('person.addresses')}>
          <p class="soft">{t('person.addresses.text')}</p>
          {addresses.length === 0 ? <p>{t('person.addresses.none')}</p> : (
            <ul class="cards">
              {addresses.map((l) => (
                <li key={l.address}><a class="row-link break" href={`/admin/addresses/${encodeURIComponent(l.address)}/edit`}>{l.address}</a> <span class="soft">{t(`addr.kind.${l.kind}`)}</span></li>
              ))}
            </ul>
          )}
          <div class="row-actions"><a class="button" href={'/admin/addresses/add?' + new URLSearchParams({ for: person.address })}><Icon name="plus" />{t('person.addresses.add')}</a></div>
          <SendAs key={'s' + person.address} person={person} rules={rules.data} reload={rules.reload} />
        </Panel>
      )}
      {!own && <SecondStep person={person} />}
      {!own && <Keys person={person} />}
      {!own && <Programs person={person} />}
      <Devices of={person.address} />
      {may('administrator') && <Shares of={person.address} />}
      {access.data && <From key={'a' + person.address} person={person} access={access.data.find((a) => a.who === person.address)} reload={access.reload} />}
    </>
  )
}

/** A link by which the person chooses a password that nobody else knows. */
function PasswordLink({ person }: { person: Person }) {
  const [link, setLink] = useState('')
  const { doing, problem, run } = useDeeds(() => undefined)
  const make = () => run('link', async () => setLink(location.origin + (await office.passwordLink(person.address)).path), '')
  return (
    <Panel title={t('person.link')}>
      <p class="soft">{t('person.link.text')}</p>
      <ProblemNote problem={problem} />
      {link && <p class="copy-line" role="status"><code class="break">{link}</code><CopyButton text={link} label={t('person.link.copy')} /></p>}
      <div class="row-actions">
        <button type="button" aria-disabled={!!doing} onClick={() => void make()}><Icon name={doing ? 'busy' : 'key'} />{t('person.link.make')}</button>
      </div>
    </Panel>
  )
}

const gigabyte = 1e9

function Room({ person, reload }: { person: Person; reload: () => void }) {
  const quota = person.quota_bytes ?? 0
  const used = person.used_bytes ?? 0
  const [gb, setGb] = useState(quota ? String(quota / gigabyte) : '')
  const wanted = Number(gb.trim().replace(',', '.'))
  const fault = !(wanted >= 0) ? { message: t('room.wrong'), mend: t('room.mend') } : undefined
  return (
    <Panel title={t('room.title')}>
      <p>{t('room.used', { size: size(used) })} {count('undo.holds', person.used_messages ?? 0)}{'. '}{quota ? t('room.of', { size: size(quota) }) : t('room.free')}</p>
      {quota > 0 && <progress class="bar" aria-label={t('room.title')} max={quota} value={Math.min(used, quota)} />}
      <Saving check={() => ({ quota_bytes: fault })} save={async () => { await office.setQuota(person.address, Math.round(wanted * gigabyte)); reload() }} said={t('saved')}>
        {(faults) => <Field label={t('room.bound')} hint={t('room.bound.hint')} value={gb} onValue={setGb} fault={faults['quota_bytes']} after={<span class="suffix">GB</span>} input={{ autocomplete: 'off' }} />}
      </Saving>
    </Panel>
  )
}

function Forward({ person, rules, reload }: { person: Person; rules: Rules; reload: () => Promise<void> }) {
  const [to, setTo] = useState(rules.forward.join('\n'))
  const [keep, setKeep] = useState(rules.keep || rules.forward.length === 0)
  const [local, setLocal] = useState(rules.local_only)
  const list = linesOf(to)
  return (
    <Panel title={t('rules.title')}>
      <Saving check={() => ({ forward: addressesFault(to) })} said={t('saved')}
        save={async () => { await office.changeRules(person.address, { forward: list, keep: list.length > 0 && keep, local_only: local }); await reload() }}>
        {(faults) => (
          <>
            <Lines label={t('rules.forward')} hint={t('rules.forward.hint')} value={to} onValue={setTo} fault={faults['forward']} rows={2} />
            {list.length > 0 && <Check label={t('rules.keep')} hint={t('rules.keep.hint')} value={keep} onValue={setKeep} />}
            <Check label={t('rules.local')} hint={t('rules.local.hint')} value={local} onValue={setLocal} />
          </>
        )}
      </Saving>
    </Panel>
  )
}

function SendAs({ person, rules, reload }: { person: Person; rules: Rules; reload: () => Promise<void> }) {
  const [as, setAs] = useState(rules.send_as.join('\n'))
  return (
    <Saving check={() => ({ send_as: addressesFault(as) })} save={async () => { await office.changeRules(person.address, { send_as: linesOf(as) }); await reload() }} said={t('saved')}>
      {(faults) => <Lines label={t('rules.as')} hint={t('rules.as.hint')} value={as} onValue={setAs} fault={faults['send_as']} rows={2} />}
    </Saving>
  )
}

/** For who has lost their phone, and the codes on paper too. */
function SecondStep({ person }: { person: Person }) {
  const { doing, said, problem, run } = useDeeds(() => undefined)
  return (
    <Panel title={t('person.factor')}>
      <p class="soft">{t('person.factor.text')}</p>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem} />
      <div class="row-actions">
        <button type="button" aria-disabled={!!doing} onClick={() => void run('end', () => office.endFactor(person.address), t('person.factor.done'))}>
          <Icon name={doing ? 'busy' : 'key'} />{t('person.factor.end')}
        </button>
      </div>
    </Panel>
  )
}

/** How many passkeys somebody has; there is no panel where it is none. */
function Keys({ person }: { person: Person }) {
  const state = useLoad(() => office.passkeys(person.address), [person.address])
  const { doing, said, problem, run } = useDeeds(state.reload)
  const n = state.data?.count ?? 0
  if (n === 0 && !said && !problem) return null
  return (
    <Panel title={t('passkey.person')}>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem} />
      {n > 0 && <p>{count('passkey.person.count', n)}</p>}
      {n > 0 && (
        <div class="row-actions">
          <button type="button" aria-disabled={!!doing} onClick={() => void run('end', () => office.endPasskeys(person.address), t('passkey.person.done'))}>
            <Icon name={doing ? 'busy' : 'remove'} />{t('passkey.person.end')}
          </button>
        </div>
      )}
    </Panel>
  )
}

/** How many programs have a password of their own, all to be ended when somebody may have made one who shouldn't. */
function Programs({ person }: { person: Person }) {
  const state = useLoad(() => office.appPasswords(person.address), [person.address])
  const { doing, said, problem, run } = useDeeds(state.reload)
  if (state.absent) return null
  return (
    <Panel title={t('app.person')}>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? state.problem} />
      {state.data && <p>{count('app.person.count', state.data.count)}{state.data.only && ' ' + t('app.only')}</p>}
      {(state.data?.count ?? 0) > 0 && (
        <div class="row-actions">
          <button type="button" aria-disabled={!!doing} onClick={() => void run('end', () => office.endAppPasswords(person.address), t('app.person.done'))}>
            <Icon name={doing ? 'busy' : 'remove'} />{t('app.person.end')}
          </button>
        </div>
      )}
    </Panel>
  )
}

function From({ person, access, reload }: { person: Person; access: Access | undefined; reload: () => Promise<void> }) {
  const [only, setOnly] = useState(access?.office ?? false)
  const [networks, setNetworks] = useState(access?.networks.join('\n') ?? '')
  return (
    <Panel title={t('from.title')}>
      <Saving check={() => ({})} save={async () => { await office.setAccess({ who: person.address, office: only, networks: linesOf(networks) }); await reload() }} said={t('from.saved')}>
        {(faults) => (
          <>
            <Check label={t('from.office')} hint={t('from.office.hint')} value={only} onValue={setOnly} />
            <Lines label={t('from.networks')} hint={t('from.networks.hint')} value={networks} onValue={setNetworks} fault={faults['networks']} rows={2} />
          </>
        )}
      </Saving>
    </Panel>
  )
}
