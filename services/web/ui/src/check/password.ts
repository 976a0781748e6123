// Passwords: the box's rules, how strong one is in words, and first passwords
// that can be read out.
import { t, type Key } from '../texts'
import type { Fault } from './fault'

export const MIN_PASSWORD = 10
const MAX_BYTES = 512

const common = ['password', 'passwort', 'kennwort', 'lozinka', 'parola', 'qwertyuiop', 'qwertzuiop', 'letmein', 'iloveyou', 'welcome', 'sanduk',
  'administrator', 'changeme', 'football', 'sunshine', 'princess', 'superman', 'dragon', 'monkey', 'secret', 'admin', 'office', 'test', 'mail', 'abcdefghij']

const runs = 'abcdefghijklmnopqrstuvwxyz 01234567890123456789 qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm 1qaz2wsx3edc4rfv5tgb 1q2w3e4r5t6y7u8i9o0p'

function isCommon(lower: string): boolean {
  const letter: Record<string, string> = { '@': 'a', 4: 'a', 3: 'e', 0: 'o', 1: 'i', $: 's', 5: 's', 7: 't' }
  if (!/\p{L}/u.test(lower)) return lower.length < 20
  // A sign at either end may be decoration or stand for a letter.
  const left = lower.replace(/^[^\p{L}]+/u, '')
  const cores = [lower, left, lower.replace(/[^\p{L}]+$/u, ''), left.replace(/[^\p{L}]+$/u, '')]
  return cores.some((core) =>
    [core, core.replace(/[@4301$57]/g, (c) => letter[c] ?? c)].some((s) => {
      const letters = s.replace(/[^\p{L}]/gu, '')
      return common.some((w) => letters === w || letters === w + w)
    }),
  )
}

function isRegular(lower: string): boolean {
  const reversed = [...lower].reverse().join('')
  const repeats = [1, 2, 3, 4].some((n) => lower.length >= 2 * n && lower.slice(0, n).repeat(lower.length / n + 1).slice(0, lower.length) === lower)
  return new Set(lower).size < 5 || repeats || runs.includes(lower) || runs.includes(reversed)
}

/** Why a password can't be used, if it can't. The box checks the same again. */
export function passwordFault(password: string, local = ''): Fault | undefined {
  const lower = password.toLowerCase()
  if (!password) return { message: t('password.missing'), mend: t('password.missing.mend') }
  if ([...password].length < MIN_PASSWORD) return { message: t('password.short', { n: [...password].length }), mend: t('password.short.mend', { min: MIN_PASSWORD }) }
  if (new TextEncoder().encode(password).length > MAX_BYTES) return { message: t('password.long'), mend: t('password.long.mend') }
  if (/\p{Cc}/u.test(password)) return { message: t('password.control'), mend: t('password.control.mend') }
  if ([...local].length >= 4 && lower.includes(local.toLowerCase())) return { message: t('password.name'), mend: t('password.name.mend') }
  if (isRegular(lower)) return { message: t('password.regular'), mend: t('password.regular.mend') }
  if (isCommon(lower)) return { message: t('password.common'), mend: t('password.common.mend') }
  return undefined
}

export interface Strength {
  level: 0 | 1 | 2 | 3 // too weak, fair, good, strong
  word: Key
}

/** How hard a password is to guess, roughly and in a word. */
export function strength(password: string, local = ''): Strength {
  if (passwordFault(password, local)) return { level: 0, word: 'strength.weak' }
  const lower = password.toLowerCase()
  let pool = 0
  if (/[a-z]/.test(password)) pool += 26
  if (/[A-Z]/.test(password)) pool += 26
  if (/\d/.test(password)) pool += 10
  if (/[^a-zA-Z\d]/.test(password)) pool += 20
  // A word counts as about 14 bits however long it is; the rest by character.
  const words = lower.match(/\p{L}{3,}/gu) ?? []
  const rest = [...lower].length - words.join('').length
  const byWords = words.length * 14 + rest * 3.5
  const byCharacters = new Set(lower).size * Math.log2(pool)
  const bits = Math.min(words.length ? byWords + words.join('').length : Infinity, byCharacters)
  if (bits < 40) return { level: 1, word: 'strength.fair' }
  return bits < 60 ? { level: 2, word: 'strength.good' } : { level: 3, word: 'strength.strong' }
}

/** A first password that can be read over a telephone: 3 × 12 bits of syllables
 * and 2 × 3 bits of digits, 42 bits in all; no letter or digit that looks like another. */
export function newPassword(): string {
  const consonants = 'bdfgkmnprstvz', vowels = 'aeiou', digits = '23456789'
  const pick = (from: string) => from[draw(from.length)]!
  const group = () => pick(consonants) + pick(vowels) + pick(consonants) + pick(vowels)
  return `${group()}-${group()}-${group()}-${pick(digits)}${pick(digits)}`
}

/** A uniform number below n from the browser's secure generator. */
function draw(n: number): number {
  const limit = 256 - (256 % n)
  const byte = new Uint8Array(1)
  do crypto.getRandomValues(byte)
  while (byte[0]! >= limit)
  return byte[0]! % n
}
