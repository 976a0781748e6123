// English is in the code that says it. Another language is fetched whole before the first page shows: a file
// beside each English one, such as de.admin.ts beside en.admin.ts, with the same keys (the type says so). A name
// that a language hasn't got is said in English.
import type { ComponentChild } from 'preact'
import { en } from './en'

export type Key = keyof typeof en
export type Catalogue<English> = { [K in keyof English]: string } & Forms

/** Forms for numbers that English doesn't have: the stem, and what Intl.PluralRules calls the form. */
type Forms = { [form: `${string}.few` | `${string}.many`]: string }

/** Stems of texts that differ by number: "people.count" has .one and .other. */
type Counted<K extends string> = K extends `${infer Stem}.other` ? Stem : never
export type CountKey = Counted<Key>

/** The languages that the pages speak, as each calls itself. */
export const languages = { en: 'English', de: 'Deutsch', it: 'Italiano', ro: 'Română', sr: 'Srpski', sq: 'Shqip' } as const
export type Language = keyof typeof languages

const CHOICE = 'sanduk-language'
const isLanguage = (name: string | null): name is Language => name !== null && name in languages

function chosen(): Language | undefined {
  try {
    const name = globalThis.localStorage?.getItem(CHOICE) ?? null
    return isLanguage(name) ? name : undefined
  } catch { // the browser keeps nothing for us
    return undefined
  }
}

/** Has the pages speak another language, from their next load on, which is now. */
export function choose(name: Language) {
  try {
    localStorage.setItem(CHOICE, name)
  } catch { // then it is the browser's language as before
    return
  }
  location.reload()
}

const wanted: readonly string[] = globalThis.navigator?.languages ?? []
export const language: Language = chosen() ?? wanted.map((l) => l.slice(0, 2)).find(isLanguage) ?? 'en'

const asKnown = (tag: string) => Intl.DateTimeFormat.supportedLocalesOf([tag])[0] ?? 'en-GB' // some browsers know no Albanian

/** How numbers, dates and times are written: as the browser's owner does. Serbian is in Latin letters here. */
export const locale = asKnown(language === 'sr' ? 'sr-Latn' : wanted.find((l) => l.slice(0, 2) === language) ?? language)
const plural = new Intl.PluralRules(language)

const files = import.meta.glob<{ default: Record<string, string> }>(['./*.ts', '!./index.ts', '!./en*.ts', '!./*.test.ts'])

/** All texts of the language; none in English, or when they can't be fetched. */
async function fetchTexts(): Promise<Record<string, string>> {
  const own = Object.keys(files).filter((name) => name.startsWith(`./${language}.`))
  const parts = await Promise.all(own.map((name) => files[name]!())).catch(() => [])
  return Object.assign({}, ...parts.map((p) => p.default)) as Record<string, string>
}

const own = language === 'en' ? {} : await fetchTexts()
if (globalThis.document) document.documentElement.lang = Object.keys(own).length > 0 ? language : 'en'

type Values = Record<string, string | number>

/** What speaks from an English catalogue, or in its place from that of the language. */
export function speak<K extends string>(plain: Record<K, string>) {
  const text = (key: string): string => own[key] ?? plain[key as K]
  return {
    /** The text of a key, with {names} filled in. */
    t: (key: K, values: Values = {}): string => text(key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '')),
    /** The text of a key that depends on a number, which stands in it as {n}. */
    count(key: Counted<K>, n: number, values: Values = {}): string {
      const form = `${key}.${plural.select(n)}`
      return (text(form) ?? text(`${key}.other`)).replace(/\{(\w+)\}/g, (_, name: string) => String({ n: n.toLocaleString(locale), ...values }[name] ?? ''))
    },
    /** As t, with elements in the places of some {names}. */
    rich: (key: K, values: Record<string, ComponentChild>): ComponentChild[] =>
      text(key).split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] : part)),
  }
}

export const { t, count, rich } = speak(en)
