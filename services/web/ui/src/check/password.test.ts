import { describe, expect, test } from 'vitest'
import { newPassword, passwordFault, strength } from './password'

describe('passwords', () => {
  test.each([
    '', 'short', 'ninechars', 'aaaaaaaaaaaa', 'abcabcabcabc', 'abcdefghijkl', 'qwertyuiop', 'poiuytrewq', 'Password123!', 'P@ssw0rd2026', 'P@ssw0rd2026!', '$ecret2026!!', '!!Welc0me2026!!', 'W3lc0meW3lc0me', '1234567890', '20261122031245',
    'alice.kola.1', 'x'.repeat(600), 'with\ttab and more',
  ])('%j is refused, and the reason is two sentences', (s) => {
    const fault = passwordFault(s, 'alice.kola')
    expect(fault?.message).toMatch(/\.$/)
    expect(fault?.mend).toMatch(/\.$/)
    expect(strength(s, 'alice.kola').level).toBe(0)
  })

  test.each([
    ['maple-tram-quiet-window', 3], ['bluewindow-tram1', 2], ['bluewindow', 1], ['ручка-лампа-окно-тигр', 3],
  ] as const)('%s has strength %d', (s, level) => {
    expect(passwordFault(s, 'alice')).toBeUndefined()
    expect(strength(s, 'alice').level).toBe(level)
  })

  test('a short local part may stand in it', () => expect(passwordFault('seven-lamp-wagon', 'eve')).toBeUndefined())

  test('first passwords are good, readable and different', () => {
    const seen = new Set(Array.from({ length: 2000 }, newPassword))
    expect(seen.size).toBe(2000)
    for (const p of seen) {
      expect(p).toMatch(/^([bdfgkmnprstvz][aeiou][bdfgkmnprstvz][aeiou]-){3}[2-9]{2}$/)
      expect(passwordFault(p)).toBeUndefined()
    }
  })
})
