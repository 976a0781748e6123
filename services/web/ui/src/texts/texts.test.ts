import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { en } from './en'

const src = join(import.meta.dirname, '..')
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => /\.tsx?$/.test(f) && !/\.test\.ts$|texts\/en\.ts$/.test(f))
  .map((f) => [f, readFileSync(join(src, f), 'utf8')] as const)
const code = sources.map(([, text]) => text).join('\n').replace(/box\['[^']*'\]/g, '') // names of fields

/** Every 'key' and every `key.${…}` that the sources mention. */
const literal = new Set([...code.matchAll(/'([a-z]\w*(?:\.\w+)+|next|back|change|cancel|again|loading)'/g)].map((m) => m[1]!))
const patterns = [...code.matchAll(/`([\w.]+)\$\{[^`]*\}([\w.]*)`/g)].map((m) => new RegExp(`^${m[1]!.replaceAll('.', '\\.')}\\w+${m[2]!.replaceAll('.', '\\.')}$`))

const isUsed = (key: string) =>
  literal.has(key) || literal.has(key.replace(/\.(one|two|few|many|other|zero)$/, '')) || patterns.some((p) => p.test(key))

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
