import { expect, test } from 'vitest'
import { parseMoves } from './moves'

test('lists of mailboxes', () => {
  expect(parseMoves('\uFEFFAnna@b.test\tanna@old.test\tse;cret\r\n\nben@b.test; ben ; a;b ; c\ncara@b.test,word')).toEqual({
    rows: [
      { line: 1, address: 'anna@b.test', user: 'anna@old.test', password: 'se;cret' },
      { line: 3, address: 'ben@b.test', user: 'ben', password: 'a;b ; c' },
      { line: 4, address: 'cara@b.test', user: 'cara@b.test', password: 'word' },
    ],
    bad: [],
  })
})

test('what is no mailbox is told by its line', () => {
  expect(parseMoves('anna@b.test\nanna,x,y\nanna@b.test,x\nanna@b.test,y\nben@b.test,,\n' + 'x'.repeat(2000))).toEqual({
    rows: [{ line: 3, address: 'anna@b.test', user: 'anna@b.test', password: 'x' }],
    bad: [1, 2, 4, 5, 6],
  })
  const many = parseMoves(Array.from({ length: 1200 }, (_, i) => `p${i}@b.test,x`).join('\n'))
  expect([many.rows.length, many.bad.length]).toEqual([1000, 200])
})
