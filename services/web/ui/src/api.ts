// The box's JSON API. Every failure is a Problem, in words for a person.
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

export interface Person {
  address: string
  name: string
  admin: boolean
  created?: string
}

export interface SetupDocument {
  hostname: string
  domains: string[]
  admin: { address: string; name?: string; password: string }
  accounts: { address: string; name: string; password: string }[]
  timezone: string
  network: { mode: 'dhcp' }
  outbound: { mode: 'direct' | 'none' }
  trusted_networks: string[]
}

async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'Content-Type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
    })
  } catch {
    throw new Problem(0, t('net.unreachable'), t('net.unreachable.do'))
  }
  if (response.status === 204) return undefined as T
  let answer: unknown
  try {
    answer = await response.json()
  } catch {
    throw new Problem(response.status, t('net.garbled'), t('net.garbled.do'))
  }
  if (response.ok) return answer as T
  const p = answer as { message?: string; what_to_do?: string; field?: string }
  throw new Problem(response.status, p.message ?? t('net.garbled'), p.what_to_do, p.field)
}

const person = (address: string) => '/api/accounts/' + encodeURIComponent(address)

export const api = {
  status: () => call<Status>('GET', '/api/status'),
  connect: () => call<Connect>('GET', '/api/connect'),
  checkCode: (code: string) => call<void>('POST', '/api/setup/check', undefined, { Authorization: 'Claim ' + code }),
  setUp: (code: string, document: SetupDocument) => call<Connect>('POST', '/api/setup', document, { Authorization: 'Claim ' + code }),
  session: () => call<Person>('GET', '/api/session'),
  signIn: (address: string, password: string) => call<Person>('POST', '/api/session', { address, password }),
  signOut: () => call<void>('DELETE', '/api/session'),
  people: () => call<{ accounts: Person[] }>('GET', '/api/accounts').then((r) => r.accounts),
  addPerson: (address: string, name: string, password: string) => call<Person>('POST', '/api/accounts', { address, name, password }),
  setPassword: (address: string, password: string) => call<void>('PUT', person(address) + '/password', { password }),
  setOwnPassword: (current: string, password: string) => call<void>('PUT', '/api/me/password', { current, password }),
  removePerson: (address: string) => call<void>('DELETE', person(address)),
}

/** Any error as a Problem, so that pages show one kind of thing. */
export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, t('net.fault'), t('net.fault.do'))
}
