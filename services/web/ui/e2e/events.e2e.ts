// What changes by itself shows without anybody asking.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, newBox, open, realBox, until } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)('events', () => {
  test('a message is held by another administrator, and the page shows it', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, 'desktop-light')
    const answer = await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })
    expect(answer.status()).toBe(200)
    const asked: string[] = []
    page.on('request', (r) => asked.push(new URL(r.url()).pathname))
    await page.goto(box.url + '/admin/waiting')
    await page.getByRole('link', { name: 'orders@partner.test' }).click()
    await page.getByText('over quota').waitFor()
    const id = decodeURIComponent(page.url().split('/').at(-1)!)
    await page.waitForResponse((r) => r.url().includes('/api/events'))
    const hold = page.getByRole('button', { name: 'Hold back' })
    await hold.waitFor()
    const before = asked.length
    expect((await page.request.post(`${box.url}/api/queue/${id}/hold`, { data: {} })).status()).toBe(204)
    await page.getByRole('button', { name: 'Let it go' }).waitFor()
    // It was told, and didn't ask every so many seconds: one call came of it.
    expect(asked.slice(before)).toEqual([`/api/queue/${id}`])
    expect(faults).toEqual([])
    await context.close()
  })

  test('a box that tells of nothing is asked', async () => {
    const box = await newBox({ people: true })
    const { page, context } = await open(browser, 'desktop-light')
    await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })
    await page.route('**/api/events*', (route) => route.fulfill({ status: 503, json: { message: 'Too many pages are open at this time.' } }))
    let asked = 0
    page.on('request', (r) => { if (new URL(r.url()).pathname === '/api/queue/stats') asked++ })
    await page.goto(box.url + '/admin/waiting')
    await until(() => asked, (it) => it.toBeGreaterThan(1))
    await context.close()
  })
})
