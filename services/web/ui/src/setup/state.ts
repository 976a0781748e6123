// What the set-up has been told so far.
//
// Everything but the passwords is kept in the browser's sessionStorage, so a
// reload or a slip of the finger loses nothing, and closing the tab forgets it
// all. Passwords stay in memory only: storage can be read by whoever comes to
// the keyboard next and may reach the disk. After a reload the administrator
// types theirs again, and people get new first passwords. The claim code is
// kept: it is worth nothing once the set-up is done, and is erased then.
import { computed, effect, signal } from '@preact/signals'
import { domainFault, hostnameFault, localFault, nameFault } from '../check/address'
import type { Fault } from '../check/fault'
import { newPassword, passwordFault } from '../check/password'
import type { Advice, Connect, SetupDocument } from '../api'
import { t as safely, type SafeState } from '../parts/safe'
import { t } from '../texts'

export const steps = ['code', 'safe', 'time', 'you', 'domain', 'ways', 'people', 'check', 'working', 'done'] as const
export type Step = (typeof steps)[number]

/** How mail reaches the office: straight to the box, by its provider's mailboxes, or not from outside. */
export type Way = Advice

/** A mailbox at the provider. */
export interface SourceDraft {
  id: number
  user: string
  into: string // an address's part before the @; "" for everybody, by whom it is addressed to
}

export type Safety = 'implicit' | 'starttls'

/** The provider's servers, and the mailboxes there. */
export interface ProviderDraft {
  protocol: 'imap' | 'pop3'
  host: string
  hostTLS: Safety
  sources: SourceDraft[]
  smart: string
  smartTLS: Safety
  smartUser: string
}

export interface PersonDraft {
  id: number
  name: string
  local: string
  touched: boolean // the address was typed, not suggested
}

export interface Draft {
  code: string
  codeGood: boolean
  safe: SafeState | undefined // how the disk is encrypted; a box without has nothing to say
  timezone: string
  name: string
  local: string
  localTouched: boolean
  kind: 'own' | 'none'
  domain: string
  internal: string
  hostname: string // "" means the usual one
  way: Way | '' // "" until it has been chosen
  provider: ProviderDraft
  people: PersonDraft[]
  nextID: number
  reached: number // the furthest step, as an index
}

const KEY = 'sanduk-setup'

function fresh(): Draft {
  return {
    code: '', codeGood: false, safe: undefined, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
    name: '', local: '', localTouched: false, kind: 'own', domain: '', internal: 'office.internal', hostname: '', way: '',
    provider: { protocol: 'imap', host: '', hostTLS: 'implicit', sources: [{ id: 0, user: '', into: '' }], smart: '', smartTLS: 'starttls', smartUser: '' },
    people: [], nextID: 1, reached: 0,
  }
}

function load(): Draft {
  try {
    return { ...fresh(), ...(JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as Partial<Draft>) }
  } catch {
    return fresh() // storage is switched off or holds another version's text
  }
}

export const draft = signal<Draft>(load())
export const adminPassword = signal('')
export const peoplePasswords = signal<Record<number, string>>(
  Object.fromEntries(draft.value.people.map((p) => [p.id, newPassword()])),
)
/** The provider's passwords: that of outgoing mail, and by mailbox. In memory only, as all. */
export const smartPassword = signal('')
export const sourcePasswords = signal<Record<number, string>>({})
/** First passwords are new because the page was reloaded. */
export const passwordsRenewed = signal(draft.value.people.length > 0)
/** Faults that the box found, by field of the document; gone when their screen is left. */
export const boxFaults = signal<Record<string, Fault>>({})
/** The passwords in memory are those that the box was given: this very page has
 * sent them. After a reload they would be others. */
export const passwordsSent = signal(false)
/** The box's answer, once it is set up. */
export const outcome = signal<Connect | undefined>(undefined)

effect(() => {
  void adminPassword.value
  void peoplePasswords.value
  void smartPassword.value
  void sourcePasswords.value
  boxFaults.value = {}
})

effect(() => {
  const text = JSON.stringify(draft.value)
  try {
    if (outcome.value) sessionStorage.removeItem(KEY) // the names are the box's now
    else sessionStorage.setItem(KEY, text)
  } catch {
    // Without storage a reload starts anew; nothing else is lost.
  }
})

export function change(part: Partial<Draft>) {
  draft.value = { ...draft.value, ...part }
  // What the box has refused is no longer what stands there.
  if (!('reached' in part)) boxFaults.value = {}
}

/** Forgets the code and the drafts, not what the done page still shows. */
export function forget() {
  change({ code: '', codeGood: false })
}

export const domain = computed(() => (draft.value.kind === 'own' ? draft.value.domain : draft.value.internal))
export const usualHostname = computed(() => (domain.value ? 'mail.' + domain.value : ''))
export const hostname = computed(() => draft.value.hostname || usualHostname.value)

/** The steps that a person walks through and may go back to. Where there is no domain,
 * no mail comes from outside, and there is no way to choose. */
export const walked = computed(() => steps.slice(0, steps.indexOf('working')).filter((s) => (s !== 'ways' || draft.value.kind === 'own') && (s !== 'safe' || draft.value.safe)))
/** The step before or after one. */
export const beside = (step: Step, by: 1 | -1): Step | undefined => {
  const all = [...walked.value, ...steps.slice(steps.indexOf('working'))]
  return all[all.indexOf(step) + by]
}

export function changeProvider(part: Partial<ProviderDraft>) {
  change({ provider: { ...draft.value.provider, ...part } })
}

export function addPerson(part: Partial<PersonDraft> & { password?: string } = {}): number {
  const id = draft.value.nextID
  const { password, ...rest } = part
  peoplePasswords.value = { ...peoplePasswords.value, [id]: password || newPassword() }
  change({ people: [...draft.value.people, { name: '', local: '', touched: false, ...rest, id }], nextID: id + 1 })
  return id
}

export function changePerson(id: number, part: Partial<PersonDraft>) {
  change({ people: draft.value.people.map((p) => (p.id === id ? { ...p, ...part } : p)) })
}

export function removePerson(id: number) {
  change({ people: draft.value.people.filter((p) => p.id !== id) })
}

export type Faults = Record<string, Fault | undefined>

/** What is wrong with a step, by field, in the order of the screen. */
export function faultsOf(step: Step, box = boxFaults.value): Faults {
  const d = draft.value
  switch (step) {
    case 'code':
      return { code: d.codeGood ? undefined : { message: t('code.missing'), mend: t('code.missing.mend') } }
    case 'safe':
      return { phrase: d.safe?.encrypted && !d.safe.phrase ? { message: safely('safe.missing'), mend: safely('safe.missing.mend') } : undefined }
    case 'time':
      return { timezone: box['timezone'] }
    case 'you':
      return {
        name: nameFault(d.name),
        local: localFault(d.local) ?? box['admin.address'],
        password: passwordFault(adminPassword.value, d.local) ?? box['admin.password'],
      }
    case 'domain':
      return {
        domain: domainFault(domain.value) ?? box['domains[0]'] ?? box['domains'],
        hostname: hostnameFault(hostname.value) ?? box['hostname'],
      }
    case 'ways':
      return waysFaults(d, box)
    case 'people':
      return peopleFaults(d, box)
    default:
      return {}
  }
}

function waysFaults(d: Draft, box: Record<string, Fault>): Faults {
  if (d.kind === 'none') return {}
  const faults: Faults = { way: d.way ? undefined : { message: t('ways.missing'), mend: t('ways.missing.mend') } }
  if (d.way !== 'provider') return faults
  const { provider: p } = d
  const missing = (value: string): Fault | undefined => (value.trim() ? undefined : { message: t('ways.empty'), mend: t('ways.empty.mend') })
  faults['host'] = missing(p.host) ?? box['collect[0].host'] ?? box['collect[0].port']
  for (const [i, s] of p.sources.entries()) {
    const known = s.into === '' || s.into === d.local || d.people.some((person) => person.local === s.into)
    faults[`user-${s.id}`] = missing(s.user) ?? box[`collect[${i}].user`]
    faults[`pass-${s.id}`] = missing(sourcePasswords.value[s.id] ?? '') ?? box[`collect[${i}].password`]
    faults[`into-${s.id}`] = known ? box[`collect[${i}].into`] : { message: t('ways.nobody'), mend: t('ways.nobody.mend') }
  }
  faults['smart'] = missing(p.smart) ?? box['outbound.host']
  faults['smartUser'] = box['outbound.user']
  faults['smartPassword'] = p.smartUser.trim() ? missing(smartPassword.value) ?? box['outbound.password'] : box['outbound.password']
  return faults
}

function peopleFaults(d: Draft, box: Record<string, Fault>): Faults {
  const faults: Faults = {}
  const seen = new Map<string, string>([[d.local.toLowerCase(), d.name]])
  for (const [i, p] of d.people.entries()) {
    const at = `accounts[${i}].`
    const other = seen.get(p.local.toLowerCase())
    faults[`name-${p.id}`] = nameFault(p.name) ?? box[at + 'name']
    faults[`local-${p.id}`] =
      localFault(p.local) ??
      (other === undefined ? undefined : { message: t('people.twice', { name: other || p.local }), mend: t('people.twice.mend') }) ??
      box[at + 'address']
    faults[`password-${p.id}`] = passwordFault(peoplePasswords.value[p.id] ?? '', p.local) ?? box[at + 'password']
    seen.set(p.local.toLowerCase(), p.name)
  }
  return faults
}

export const isClean = (faults: Faults) => Object.values(faults).every((f) => !f)

/** The first step before `step` that isn't complete, or `step` itself. */
export function firstOpen(step: Step): Step {
  // What the box refused doesn't count: the check list tells of it.
  const open = walked.value.filter((s) => steps.indexOf(s) < steps.indexOf(step)).find((s) => !isClean(faultsOf(s, {})) && (s !== 'you' || !onlyPasswordIsMissing()))
  return open ?? step
}

/** After a reload, the password is asked for on the check list, not by taking
 * the person back to where they were long ago. */
function onlyPasswordIsMissing(): boolean {
  const { name, local } = faultsOf('you')
  return !name && !local && adminPassword.value === ''
}

export function setupDocument(): SetupDocument {
  const d = draft.value
  return {
    hostname: hostname.value,
    domains: [domain.value],
    admin: { address: d.local + '@' + domain.value, name: d.name.trim(), password: adminPassword.value },
    accounts: d.people.map((p) => ({ address: p.local + '@' + domain.value, name: p.name.trim(), password: peoplePasswords.value[p.id] ?? '' })),
    timezone: d.timezone,
    network: { mode: 'dhcp' },
    ...mailOf(d),
    trusted_networks: [],
  }
}

/** How mail comes and goes, in the document's words. */
function mailOf(d: Draft): Pick<SetupDocument, 'outbound' | 'collect'> {
  const { provider: p } = d
  if (d.kind === 'none' || d.way === 'inside') return { outbound: { mode: 'none' } }
  if (d.way !== 'provider') return { outbound: { mode: 'direct' } }
  const user = p.smartUser.trim()
  return {
    outbound: { mode: 'smarthost', host: tidyHost(p.smart), tls: p.smartTLS, ...(user && { user, password: smartPassword.value }) },
    collect: p.sources.map((s) => ({
      protocol: p.protocol, host: tidyHost(p.host), tls: p.hostTLS, user: s.user.trim(), password: sourcePasswords.value[s.id] ?? '',
      into: s.into ? s.into + '@' + d.domain : d.domain,
    })),
  }
}

const tidyHost = (text: string) => text.trim().toLowerCase().replace(/\.$/, '')

/** Which screen a field of the document was typed on. */
export function stepOf(field: string): Step | undefined {
  if (field.startsWith('accounts')) return 'people'
  if (field.startsWith('admin')) return 'you'
  if (field.startsWith('domains') || field === 'hostname') return 'domain'
  if (field === 'timezone') return 'time'
  if (field.startsWith('outbound') || field.startsWith('collect')) return 'ways'
  return field === 'code' ? 'code' : undefined
}
