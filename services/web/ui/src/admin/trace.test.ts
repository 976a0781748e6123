import { expect, test } from 'vitest'
import type { TraceStep } from './api'
import { canPutBack, factsOf, fateOf, kindOf } from './trace'

const step = (what: string, about: Record<string, string[]> = {}): TraceStep => ({ at: '2026-11-23T12:00:00Z', what, about })
const tried = (to: string, state: string) => step('message tried', { to: [to], state: [state] })
const out = step('message delivered', { mailboxes: ['0'], outside: ['2'], from: ['a@x.test'], to: ['b@y.test', 'c@y.test'], recipients: ['5'], subject: ['Roof'], size: ['900'], author: ['A@x.test'] })

const inbox = step('message delivered', { mailboxes: ['1'], outside: ['0'], account: ['b@x.test'] })
const gone = step('messages deleted', { account: ['b@x.test'], mailbox: ['m1'], uid: ['7'] })

test.each([
  ['coming', [step('message received')]],
  ['delivered', [step('message received'), step('message delivered', { mailboxes: ['1'], outside: ['0'] })]],
  ['waiting', [step('message received'), out]],
  ['waiting', [out, tried('b@y.test', 'relayed'), tried('c@y.test', 'queued')]],
  ['sent', [out, tried('b@y.test', 'queued'), tried('b@y.test', 'relayed')]],
  ['returned', [out, tried('b@y.test', 'relayed'), tried('c@y.test', 'failed')]],
  ['held', [step('message waits for a decision')]],
  ['later', [step('message waits for its time')]],
  ['delivered', [step('message waits for its time'), step('message that waited delivered', { mailboxes: ['1'], outside: ['0'] })]],
  ['refused', [step('message received'), step('message refused')]],
  ['refused', [step('recipient refused')]],
  ['delivered', [step('message found in a mailbox', { account: ['b@x.test'] })]],
  ['deleted', [inbox, gone]],
  ['delivered', [inbox, gone, step('messages restored', { account: ['b@x.test'], by: ['admin@x.test'] })]],
  ['delivered', [inbox, step('messages deleted', { account: ['else@x.test'] })]],
  ['waiting', [step('message waits for a decision'), step('held message released')]],
  ['dropped', [step('message waits for a decision'), step('held message dropped')]],
  ['held', [out, tried('b@y.test', 'queued'), step('waiting message held')]],
  ['waiting', [out, tried('b@y.test', 'queued'), step('waiting message held'), step('waiting message released')]],
  ['knocked', [step('a log-in failed', { verb: ['accept'] })]],
] as const)('it is %s', (want, steps) => {
  expect(fateOf({ id: 'x', steps: [...steps] })).toBe(want)
})

test('what a message is known by', () => {
  expect(factsOf({ id: 'x', steps: [step('message received', { from: ['a@x.test'] }), out] }))
    .toEqual({ from: 'A@x.test', to: ['b@y.test', 'c@y.test'], more: 3, subject: 'Roof', size: 900, at: '2026-11-23T12:00:00Z' })
  expect(factsOf({ id: 'x', steps: [step('a log-in failed')] })).toEqual({ from: '', to: [], more: 0, subject: '', size: 0, at: '2026-11-23T12:00:00Z' })
})

test('what was deleted can be put back once', () => {
  const back = step('messages restored', { account: ['b@x.test'] })
  expect(canPutBack({ id: 'x', steps: [inbox, gone] }, gone)).toBe(true)
  expect(canPutBack({ id: 'x', steps: [inbox, gone, back] }, gone)).toBe(false)
  expect(canPutBack({ id: 'x', steps: [inbox, back, gone] }, gone)).toBe(true)
  expect(canPutBack({ id: 'x', steps: [inbox] }, inbox)).toBe(false)
})

test('steps are marked', () => {
  expect(['relayed', 'queued', 'failed'].map((s) => kindOf(tried('b', s)))).toEqual(['good', 'wait', 'bad'])
  expect(kindOf(step('message judged', { junk: ['true'] }))).toBe('wait')
  expect(kindOf(step('anything new'))).toBe('good')
})
