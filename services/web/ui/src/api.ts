// The box's JSON API. Every failure is a Problem, in words for a person.
import type { makePasskey, NewPasskey, usePasskey } from './check/webauthn'
import { isSure } from './parts/sure'
import { done, loadAnew, tagFor } from './tags'
import { t } from './texts'

export class Problem extends Error {
  constructor(
    readonly status: number, // 0: the box could not be reached
    message: string,
    readonly whatToDo = '',
    readonly field = '',
  ) {
    super(message)
  }
}

export interface Status {
  set_up: boolean
  setting_up: boolean
  version: string
  hostname?: string
  domains?: string[]
  timezone?: string
  urls: string[]
  certificate: string
  ca?: string
  recoverable_days?: number
  passkeys?: boolean // somebody has one for the name by which this page was opened
}

export interface Protocol {
  name: 'IMAP' | 'POP3' | 'SMTP'
  kind: string
  port: number
  security: 'TLS' | 'STARTTLS'
}

export interface Connect {
  server: string
  addresses: string[]
  domains: string[]
  protocols: Protocol[]
  ca?: string
  link: string
}

/** What somebody may do beside using their own mailbox. */
export type Role = '' | 'help_desk' | 'domain' | 'admin' | 'owner'

/** What calls are for. */
export type Duty = 'trace' | 'help desk' | 'people' | 'administrator' | 'owner'

/** Who is signed in. */
export interface Self extends Person {
  may: Duty[]
}

export interface Person {
  address: string
  name: string
  admin: boolean // administrator or owner
  role?: Role
  domains?: string[] // those that a domain administrator looks after
  disabled?: boolean
  created?: string
  quota_bytes?: number
  used_bytes?: number
  used_messages?: number
}

/** A browser that one is signed in with. */
export interface SessionInfo {
  id: string
  agent: string
  peer: string
  created: string
  seen: string
  current: boolean
}

/** What mail programs log in to. */
export type Service = 'imap' | 'pop3' | 'submission'

/** A password for one mail program. */
export interface AppPassword {
  number: number
  name: string
  services: Service[]
  added: string
  used?: string
  used_service?: Service
  used_peer?: string
}

/** A passkey, by which one signs in to these pages. */
export interface Passkey {
  id: string
  name: string
  host: string
  added: string
}

/** A program in a network, by which somebody has logged in. */
export interface Device {
  service: Service | 'pages'
  client?: string
  program?: number
  app_password?: string
  network: string
  first: string
  last: string
}

/** A secret for an app, and its code as a drawing. */
export interface NewFactor {
  secret: string
  size: number
  path: string
}

export type Advice = 'direct' | 'provider' | 'inside'

/** How mail can reach the box, as far as it finds out. */
export interface Findings {
  internet: boolean
  local: string[]
  public?: string
  line?: 'public' | 'router' | 'shared'
  sending?: 'open' | 'closed'
  name?: string
  named: boolean
  today: string[]
  advice: Advice
}

export interface SetupDocument {
  hostname: string
  domains: string[]
  admin: { address: string; name?: string; password: string }
  accounts: { address: string; name: string; password: string }[]
  timezone: string
  network: { mode: 'dhcp' }
  outbound: { mode: 'direct' | 'none' } | { mode: 'smarthost'; host: string; tls: string; user?: string; password?: string }
  collect?: { protocol: string; host: string; tls: string; user: string; password: string; into: string }[]
  trusted_networks: string[]
}

export async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const tag = headers['If-Match'] ?? tagFor(method, path)
  if (tag) headers = { ...headers, 'If-Match': tag }
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'Content-Type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
    })
  } catch {
    throw unreachable()
  }
  if (response.ok) done(method, path, response.headers.get('ETag'))
  if (response.status === 204) return undefined as T
  const text = await response.text().catch(() => '')
  if (!response.ok) {
    const problem = refusal(response.status, text)
    // The browser may have been left open: who sits there is asked, and it goes on.
    if (response.status === 403 && problem.field === 'confirm' && (await isSure())) return call(method, path, body, headers)
    if (response.status !== 412) throw problem
    await loadAnew() // so that what is done next is of what there is now
    throw new Problem(412, t('net.changed'), t('net.changed.do'))
  }
  try {
    return (text ? JSON.parse(text) : undefined) as T // 202 may have nothing to say
  } catch {
    throw garbled(response.status)
  }
}

export const unreachable = () => new Problem(0, t('net.unreachable'), t('net.unreachable.do'))
const garbled = (status: number) => new Problem(status, t('net.garbled'), t('net.garbled.do'))

/** What the box says when it doesn't do something. */
export function refusal(status: number, text: string): Problem {
  try {
    const p = JSON.parse(text) as { message?: string; what_to_do?: string; field?: string }
    return p.message ? new Problem(status, p.message, p.what_to_do, p.field) : garbled(status)
  } catch {
    return garbled(status)
  }
}

const person = (address: string) => '/api/accounts/' + encodeURIComponent(address)

export const api = {
  status: () => call<Status>('GET', '/api/status'),
  connect: () => call<Connect>('GET', '/api/connect'),
  checkCode: (code: string) => call<void>('POST', '/api/setup/check', undefined, { Authorization: 'Claim ' + code }),
  findings: (code: string, domain: string) => call<Findings>('POST', '/api/setup/findings', { domain }, { Authorization: 'Claim ' + code }),
  setUp: (code: string, document: SetupDocument) => call<Connect>('POST', '/api/setup', document, { Authorization: 'Claim ' + code }),
  session: () => call<Self>('GET', '/api/session'),
  signIn: (address: string, password: string, code?: string) => call<Self>('POST', '/api/session', { address, password, ...(code && { code }) }),
  confirm: (password: string) => call<void>('POST', '/api/session/confirm', { password }),
  signOut: () => call<void>('DELETE', '/api/session'),
  secondFactor: () => call<{ on: boolean; recovery_left: number }>('GET', '/api/me/second-factor'),
  newFactor: () => call<NewFactor>('POST', '/api/me/second-factor'),
  turnOnFactor: (secret: string, code: string, current: string) =>
    call<{ recovery: string[] }>('PUT', '/api/me/second-factor', { secret, code, current }).then((r) => r.recovery),
  turnOffFactor: (current: string) => call<void>('DELETE', '/api/me/second-factor', { current }),
  appPasswords: () => call<{ passwords: AppPassword[]; only: boolean }>('GET', '/api/me/app-passwords'),
  makeAppPassword: (name: string, services: readonly Service[], current: string) =>
    call<{ password: string }>('POST', '/api/me/app-passwords', { name, services, current }).then((r) => r.password),
  setOnlyPrograms: (only: boolean, current: string) => call<void>('PUT', '/api/me/app-passwords', { only, current }),
  endAppPassword: (number: number) => call<void>('DELETE', `/api/me/app-passwords/${number}`),
  passkeys: () => call<{ passkeys: Passkey[]; host: string }>('GET', '/api/me/passkeys'),
  newPasskey: (current: string) => call<NewPasskey>('POST', '/api/me/passkeys/challenge', { current }),
  addPasskey: (name: string, made: Awaited<ReturnType<typeof makePasskey>>) => call<{ id: string }>('POST', '/api/me/passkeys', { name, ...made }),
  endPasskey: (id: string) => call<void>('DELETE', '/api/me/passkeys/' + encodeURIComponent(id)),
  passkeyChallenge: () => call<{ challenge: string; host: string }>('POST', '/api/session/passkey/challenge'),
  signInByPasskey: (given: Awaited<ReturnType<typeof usePasskey>>) => call<Self>('POST', '/api/session/passkey', given),
  devices: (of?: string) => call<{ devices: Device[] }>('GET', (of ? person(of) : '/api/me') + '/devices').then((r) => r.devices),
  sessions: () => call<{ sessions: SessionInfo[] }>('GET', '/api/me/sessions').then((r) => r.sessions),
  endSession: (id: string) => call<void>('DELETE', '/api/me/sessions/' + encodeURIComponent(id)),
  endOtherSessions: () => call<void>('DELETE', '/api/me/sessions'),
  people: () => call<{ accounts: Person[] }>('GET', '/api/accounts').then((r) => r.accounts),
  addPerson: (address: string, name: string, password: string) => call<Person>('POST', '/api/accounts', { address, name, password }),
  setPassword: (address: string, password: string) => call<void>('PUT', person(address) + '/password', { password }),
  setOwnPassword: (current: string, password: string) => call<void>('PUT', '/api/me/password', { current, password }),
  setRole: (address: string, role: Role, domains: string[]) => call<void>('PUT', person(address) + '/role', { role, domains }),
  removePerson: (address: string) => call<void>('DELETE', person(address)),
}

/** Any error as a Problem, so that pages show one kind of thing. */
export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, t('net.fault'), t('net.fault.do'))
}
