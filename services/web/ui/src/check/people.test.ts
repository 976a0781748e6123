import { describe, expect, test } from 'vitest'
import { MAX_PEOPLE, parsePeople, type Row } from './people'

const row = (name: string, local: string, domain = '', password = ''): Row => ({ name, local, domain, password })

describe('a list of people', () => {
  test.each<[string, Row]>([
    ['Alice Kola, alice', row('Alice Kola', 'alice')],
    ['Alice Kola, alice@example.test', row('Alice Kola', 'alice', 'example.test')],
    ['alice@example.test; Alice Kola', row('Alice Kola', 'alice', 'example.test')],
    ['Alice Kola <Alice@Example.Test>', row('Alice Kola', 'alice', 'example.test')],
    ['"Kola, Alice" <alice@example.test>', row('Kola, Alice', 'alice', 'example.test')],
    ['alice.kola@example.test', row('Alice Kola', 'alice.kola', 'example.test')],
    ['Alice Kola', row('Alice Kola', 'alice.kola')],
    ['Kola, Alice', row('Alice Kola', 'alice.kola')],
    ['Alice\talice@example.test\tsecret-enough-1', row('Alice', 'alice', 'example.test', 'secret-enough-1')],
    ['"Kola; Alice";alice@example.test', row('Kola; Alice', 'alice', 'example.test')],
    ['"says ""hi""",a@b.test', row('says "hi"', 'a', 'b.test')],
  ])('%j', (text, want) => expect(parsePeople(text)).toEqual({ rows: [want], bad: [] }))

  test('a table with a first line that names its columns', () => {
    const text = '\uFEFFFirst name;Last name;E-mail address;Password\r\nAlice;Kola;alice@example.test;long and good\r\n\r\nBen;Marku;ben;\r\n'
    expect(parsePeople(text)).toEqual({ rows: [row('Alice Kola', 'alice', 'example.test', 'long and good'), row('Ben Marku', 'ben')], bad: [] })
  })

  test('what is not understood is named with its line', () => {
    const { rows, bad } = parsePeople('Alice\na@b@c\n;;\n' + 'x'.repeat(2000))
    expect(rows).toHaveLength(1)
    expect(bad.map((b) => b.line)).toEqual([2, 3, 4])
    expect(bad[2]!.text).toHaveLength(60)
  })

  test('it ends at the bound', () => {
    const { rows, bad } = parsePeople(Array.from({ length: MAX_PEOPLE + 5 }, (_, i) => `p${i}@example.test`).join('\n'))
    expect([rows.length, bad.length]).toEqual([MAX_PEOPLE, 5])
  })

  test('noise neither hangs nor throws', () => {
    const alphabet = '"",;\t<>@ab \n\r\u0000é'
    let seed = 1
    for (let i = 0; i < 3000; i++) {
      let s = ''
      for (let k = 0; k < 40; k++) s += alphabet[(seed = (seed * 48271) % 2147483647) % alphabet.length]
      parsePeople(s)
    }
  })
})
