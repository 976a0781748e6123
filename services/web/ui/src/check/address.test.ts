import { describe, expect, test } from 'vitest'
import { domainFault, localFault, nameFault, suggestInternal, suggestLocal, tidyDomain } from './address'

describe('addresses', () => {
  test.each([
    ['Alice Kola', 'alice.kola'], ['  Ana-Maria  Žižek ', 'ana.maria.zizek'], ['Šaban Đorđević', 'saban.djordjevic'], ['Ștefan Țăran', 'stefan.taran'],
    ['Jürgen Weiß', 'jurgen.weiss'], ['O’Neill, Pat', 'o.neill.pat'], ['', ''], ['...', ''], ['Милан Петровић', 'milan.petrovic'],
    ['x'.repeat(80), 'x'.repeat(64)],
  ])('%s becomes %s', (name, want) => {
    expect(suggestLocal(name)).toBe(want)
    if (want) expect(localFault(want)).toBeUndefined()
  })

  test.each(['alice', 'alice.kola', 'a', "o'neill", 'info+x', 'poštar', '123'])('%s is a local part', (s) => expect(localFault(s)).toBeUndefined())
  test.each(['', 'a b', 'a@b', '.a', 'a.', 'a..b', 'a,b', 'a<b', '"a"', 'a\u0000', 'x'.repeat(65)])('%j is none', (s) => expect(localFault(s)).toBeDefined())

  test.each(['example.com', 'mail.example.co.uk', 'xn--80akhbyknj4f.test', 'сандук.test', 'a-b.internal'])('%s is a domain', (s) => expect(domainFault(s)).toBeUndefined())
  test.each(['', 'example', 'a@b.com', 'https://b.com', 'b.com/x', 'a b.com', '-a.com', 'a-.com', 'a..com', '.com', 'a.', '192.168.1.1', 'x'.repeat(64) + '.com', 'a_b.com'])(
    '%j is none', (s) => {
      const fault = domainFault(s)
      expect(fault?.message).toMatch(/\.$/)
      expect(fault?.mend).toMatch(/\.$/)
    })

  test('domains are tidied, offices without one get a name', () => {
    expect(tidyDomain(' Example.COM. ')).toBe('example.com')
    expect(suggestInternal('Kola & Sons')).toBe('kola-sons.internal')
    expect(suggestInternal('&&')).toBe('office.internal')
    expect(domainFault(suggestInternal('x'.repeat(300)))).toBeUndefined()
  })

  test('names', () => {
    expect(nameFault('Ana')).toBeUndefined()
    expect(nameFault(' ')).toBeDefined()
    expect(nameFault('ž'.repeat(101))).toBeDefined()
  })
})
