import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { languages } from '.'

type Texts = Record<string, string>

/** All catalogues by their file, such as en.admin. An English one is what its file exports by a name, another one its default. */
const files: Record<string, Texts> = Object.fromEntries(
  Object.entries(import.meta.glob<Record<string, Texts>>(['./*.ts', '!./index.ts', '!./*.test.ts'], { eager: true }))
    .map(([file, module]) => [file.slice(2, -3), Object.values(module)[0]!]),
)
const english = Object.keys(files).filter((f) => f.split('.')[0] === 'en')
const en: Texts = Object.assign({}, ...english.map((f) => files[f]))

const src = join(import.meta.dirname, '..')
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => /\.tsx?$/.test(f) && !/\.test\.ts$|texts\/[a-z]{2}(\.\w+)?\.ts$/.test(f))
  .map((f) => [f, readFileSync(join(src, f), 'utf8')] as const)
const code = sources.map(([, text]) => text).join('\n').replace(/box\['[^']*'\]/g, '') // names of fields

/** Every 'key' and every `key.${…}` that the sources mention. */
const literal = new Set([...code.matchAll(/'([a-z]\w*(?:\.\w+)+|next|back|change|cancel|again|loading|save|saved|try)'/g)].map((m) => m[1]!))
const patterns = [...code.matchAll(/`([\w.]+)\$\{[^`]*\}([\w.]*)`/g)].map((m) => new RegExp(`^${m[1]!.replaceAll('.', '\\.')}[\\w-]+${m[2]!.replaceAll('.', '\\.')}$`))

const isUsed = (key: string) =>
  literal.has(key) || literal.has(key.replace(/\.(one|two|few|many|other|zero)$/, '')) || patterns.some((p) => p.test(key))

test('no two catalogues share a key', () => {
  const all = english.flatMap((f) => Object.keys(files[f]!))
  expect(all.filter((k, i) => all.indexOf(k) !== i)).toEqual([])
})

describe.each(Object.keys(languages).filter((l) => l !== 'en'))('%s', (language) => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!).sort()
  const own: Texts = Object.assign({}, ...english.map((f) => files[f.replace('en', language)] ?? {}))
  // How numbers read: 1000000 is "many" in Italian, and nothing here is ever so many.
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.filter((c) => c !== 'many' && c !== 'other')
  const wanted = (key: string) => (key.endsWith('.other') ? [key, ...forms.map((f) => key.replace(/other$/, f))] : [key])

  test('nothing is missing, and nothing is too much', () => {
    const all = Object.keys(en).filter((k) => !(k.endsWith('.one') && k.replace(/one$/, 'other') in en)).flatMap(wanted)
    expect(Object.keys(own).sort()).toEqual([...new Set(all)].sort())
  })

  test('every text names what the English one names', () => {
    const other = (key: string) => en[key] ?? en[key.replace(/\.\w+$/, '.other')]!
    const but = (list: string[]) => list.filter((n) => n !== 'n') // "one message" has no {n}
    for (const [key, text] of Object.entries(own)) expect([key, ...but(names(text))]).toEqual([key, ...but(names(other(key)))])
    for (const key of Object.keys(own).filter((k) => k.endsWith('.other'))) expect([key, names(own[key]!).includes('n')]).toEqual([key, names(en[key]!).includes('n')])
  })

  test('no text has stayed English', () => {
    const sentence = (k: string) => en[k]!.split(' ').length > 4 && !k.startsWith('code.figure') && !k.endsWith('.example')
    expect(Object.keys(own).filter((k) => k in en && sentence(k) && own[k] === en[k])).toEqual([])
  })
})

test('no text is unused', () => {
  expect(Object.keys(en).filter((k) => !isUsed(k))).toEqual([])
})

test('no text is missing', () => {
  // The types see to t('…'); this sees to keys that stand in tables.
  const stems = new Set(Object.keys(en).map((k) => k.slice(0, k.indexOf('.'))))
  const asked = [...literal].filter((k) => stems.has(k.split('.')[0]!) && /^[a-z0-9.]+$/.test(k))
  expect(asked.filter((k) => !(k in en) && !(k + '.other' in en))).toEqual([])
})

test('counted texts have every form that English has', () => {
  for (const key of Object.keys(en)) {
    if (key.endsWith('.one')) expect(en).toHaveProperty([key.replace(/one$/, 'other')])
    if (key.endsWith('.other')) expect(en).toHaveProperty([key.replace(/other$/, 'one')])
  }
})

test('the pages hold no texts of their own', () => {
  for (const [file, text] of sources) {
    if (!file.endsWith('.tsx')) continue
    // Words between tags that are not in braces.
    const found = [...text.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+[^<>{}]*)</g)].map((m) => m[1])
    expect(found, file).toEqual([])
  }
})
