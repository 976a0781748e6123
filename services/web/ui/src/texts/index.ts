// One catalogue per language. English is the first; another one is a file with
// the same keys (the type says so) and an entry in `catalogues`.
import type { ComponentChild } from 'preact'
import { en } from './en'

export type Key = keyof typeof en
export type Catalogue = Record<Key, string>

/** The stems of texts that differ by number: "people.count" has .one and .other. */
export type CountKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never

const catalogues: Record<string, Catalogue> = { en }

const wanted: readonly string[] = globalThis.navigator?.languages ?? []
export const language = wanted.map((l) => l.slice(0, 2)).find((l) => l in catalogues) ?? 'en'

/** How numbers, dates and times are written: as the browser's owner does. */
export const locale = wanted.find((l) => l.startsWith(language)) ?? language
const texts: Catalogue = catalogues[language] ?? en
const plural = new Intl.PluralRules(language)

type Values = Record<string, string | number>

/** The text of a key, with {names} filled in. */
export function t(key: Key, values: Values = {}): string {
  return texts[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

/** The text of a key that depends on a number, which stands in it as {n}. */
export function count(key: CountKey, n: number, values: Values = {}): string {
  const form = `${key}.${plural.select(n)}`
  return t((form in texts ? form : `${key}.other`) as Key, { n: n.toLocaleString(locale), ...values })
}

/** As t, with elements in the places of some {names}. */
export function rich(key: Key, values: Record<string, ComponentChild>): ComponentChild[] {
  return texts[key].split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] : part))
}
