import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { call, Problem } from './api'
import { ofWhatWasShown, onChanged, shownAt, shownNow } from './tags'

/** A box that keeps one number at a path, and what it was sent. */
function box() {
  let tag = 1
  const sent: [string, string, string | undefined][] = []
  vi.stubGlobal('fetch', async (path: string, { method, headers }: { method: string; headers: Record<string, string> }) => {
    const match = headers['If-Match']
    sent.push([method, path, match])
    if (method === 'GET') return new Response('{}', { headers: { ETag: `"${tag}"` } })
    if (match && match !== `"${tag}"`) return new Response('{"message":"Changed."}', { status: 412 })
    tag++
    return new Response(null, { status: 204 })
  })
  return { sent, last: () => sent.at(-1)![2], elsewhere: () => void tag++ }
}

afterEach(() => vi.unstubAllGlobals())

test('a change says of what it is one, until it is made', async () => {
  const b = box()
  await call('PUT', '/api/one', {})
  expect(b.last()).toBe(undefined)
  await call('GET', '/api/one')
  await call('PUT', '/api/one', {})
  expect(b.last()).toBe('"2"')
  await call('PUT', '/api/one', {}) // nothing else was shown
  expect(b.last()).toBe(undefined)
  await call('GET', '/api/one')
  await call('PUT', '/api/one/x', {})
  expect(b.last()).toBe('"4"')
  await call('GET', '/api/one')
  await call('PATCH', '/api/one/x', {}) // changes what it has, whatever became of the list
  expect(b.last()).toBe(undefined)
  await call('GET', '/api/one')
  await call('POST', '/api/one/test', {})
  b.elsewhere()
  await expect(call('PUT', '/api/one', {})).rejects.toMatchObject({ status: 412 }) // the trial has changed nothing
})

test('who is told that somebody else was there sees how it is, and may then do it', async () => {
  const b = box()
  let shown = 0
  const end = onChanged(async () => { shown++; await call('GET', '/api/two') })
  await call('GET', '/api/two')
  b.elsewhere()
  const told = await call('PUT', '/api/two', {}).catch((e: unknown) => e)
  expect(told).toBeInstanceOf(Problem)
  expect((told as Problem).message).toMatch(/Somebody else/)
  expect(shown).toBe(1)
  await call('PUT', '/api/two', {})
  end()
})

test('a form sends what it was made of, though the page around it was loaded anew', async () => {
  const b = box()
  await call('GET', '/api/three')
  const form = shownNow()
  b.elsewhere()
  await call('GET', '/api/three')
  await expect(ofWhatWasShown(form, () => call('PUT', '/api/three', {}))).rejects.toMatchObject({ status: 412 })
  expect(b.last()).toBe('"1"')
})

test('one’s own change beside a form is nobody else’s', async () => {
  const b = box()
  await call('GET', '/api/four')
  const form = shownNow()
  await call('PUT', '/api/four/x', {})
  await call('GET', '/api/four')
  await ofWhatWasShown(form, () => call('PUT', '/api/four', {}))
  expect(b.last()).toBe('"2"')
})

test('what a change is of is what the box compares with', () => {
  interface Operation { parameters?: { name: string; description?: string }[] }
  const { paths } = JSON.parse(readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8')) as { paths: Record<string, Record<string, Operation>> }
  let found = 0
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { parameters }] of Object.entries(operations)) {
      const about = parameters?.find((p) => p.name === 'If-Match')?.description
      if (!about) continue
      found++
      expect([method + ' ' + path, ...shownAt(method.toUpperCase(), path)]).toContain(/ETag of GET (\S+)\. /.exec(about)![1])
    }
  }
  expect(found).toBeGreaterThan(40)
})
