// The rules for addresses, domains and host names that a person can be told
// about while typing. The box has the last word.
import { t } from '../texts'
import type { Fault } from './fault'

export const MAX_LOCAL = 64
export const MAX_DOMAIN = 253

const label = /^(?!-)[\p{L}\p{N}\p{M}-]{1,63}(?<!-)$/u

export function domainFault(domain: string): Fault | undefined {
  if (!domain) return { message: t('domain.missing'), mend: t('domain.missing.mend') }
  if (domain.includes('@')) return { message: t('domain.at'), mend: t('domain.at.mend', { domain: domain.split('@').pop()! }) }
  if (/^\w+:\/\/|\//.test(domain)) return { message: t('domain.url'), mend: t('domain.url.mend') }
  if (!domain.includes('.')) return { message: t('domain.dot'), mend: t('domain.dot.mend', { domain: domain }) }
  const wrong = domain.split('.').find((l) => !label.test(l))
  if (wrong !== undefined || domain.length > MAX_DOMAIN || /^[\d.]+$/.test(domain)) {
    return { message: t('domain.shape'), mend: t('domain.shape.mend') }
  }
  return undefined
}

export function hostnameFault(host: string): Fault | undefined {
  if (!host) return { message: t('host.missing'), mend: t('host.missing.mend') }
  return domainFault(host)
}

/** The part in front of the @. A whole address is told apart from a slip. */
export function localFault(local: string): Fault | undefined {
  if (!local) return { message: t('local.missing'), mend: t('local.missing.mend') }
  if (local.includes('@')) return { message: t('local.at'), mend: t('local.at.mend') }
  if (local.length > MAX_LOCAL) return { message: t('local.long'), mend: t('local.long.mend', { max: MAX_LOCAL }) }
  if (/\s/.test(local)) return { message: t('local.space'), mend: t('local.space.mend', { local: local.trim().replace(/\s+/g, '.') }) }
  if (/^\.|\.$|\.\./.test(local)) return { message: t('local.dots'), mend: t('local.dots.mend') }
  if (!/^[\p{L}\p{N}\p{M}!#$%&'*+\-/=?^_`{|}~.]+$/u.test(local)) return { message: t('local.shape'), mend: t('local.shape.mend') }
  return undefined
}

export function nameFault(name: string): Fault | undefined {
  if (!name.trim()) return { message: t('name.missing'), mend: t('name.missing.mend') }
  if (new TextEncoder().encode(name).length > 200) return { message: t('name.long'), mend: t('name.long.mend') }
  return undefined
}

// Most mail programs and servers can't send to an address with other letters
// than Latin ones, so none is suggested. (Serbian, Macedonian, Bulgarian,
// Ukrainian and Russian letters; who wants one can type it.)
const cyrillic: Record<string, string> = {
  а: 'a', б: 'b', в: 'v', г: 'g', д: 'd', ђ: 'dj', ѓ: 'gj', е: 'e', ж: 'z', з: 'z', ѕ: 'dz', и: 'i', ј: 'j', к: 'k', л: 'l', љ: 'lj',
  м: 'm', н: 'n', њ: 'nj', о: 'o', п: 'p', р: 'r', с: 's', т: 't', ћ: 'c', ќ: 'kj', у: 'u', ф: 'f', х: 'h', ц: 'c', ч: 'c', џ: 'dz',
  ш: 's', щ: 'st', ъ: 'a', ы: 'y', ь: '', э: 'e', ю: 'ju', я: 'ja', є: 'je', і: 'i', ї: 'ji', ґ: 'g', ё: 'e', й: 'j',
}

const special: Record<string, string> = { đ: 'dj', ł: 'l', ø: 'o', æ: 'ae', œ: 'oe', ß: 'ss', ı: 'i', þ: 'th', ð: 'd' }

/** What somebody's address might be, from their name: "Alíce Kola" → alice.kola. */
export function suggestLocal(name: string): string {
  return name
    .toLowerCase()
    .replace(/[đłøæœßıþð]/g, (c) => special[c] ?? c)
    .replace(/[\u0400-\u04ff]/g, (c) => cyrillic[c] ?? c)
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .join('.')
    .slice(0, MAX_LOCAL)
    .replace(/\.$/, '')
}

/** A domain for an office that has none: "Kola & Sons" → kola-sons.internal. */
export function suggestInternal(office: string): string {
  const word = suggestLocal(office).replace(/\./g, '-').slice(0, 50).replace(/^-+|-+$/g, '')
  return (word || 'office') + '.internal'
}

/** A typed domain or host name in its usual form. */
export function tidyDomain(text: string): string {
  return text.trim().toLowerCase().replace(/\.$/, '')
}
