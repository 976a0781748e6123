// Two who run the box have the same settings before them.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, launch, newBox, open, realBox, shot } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

async function at(page: Page, url: string, path: string) {
  const answer = await page.request.post(url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })
  expect(answer.status()).toBe(200)
  await page.goto(url + path)
}

test.skipIf(realBox)('what somebody else has changed meanwhile is not undone unseen', async () => {
  const box = await newBox({ people: true })
  const { page: one, context, faults } = await open(browser, 'phone-light')
  const { page: two, context: other } = await open(browser)
  for (const page of [one, two]) {
    await at(page, box.url, '/admin/flow/guards')
    await page.getByText('It is silent').waitFor()
  }
  await two.getByRole('button', { name: 'Remove b.test' }).click()
  await two.getByText('It is silent').waitFor({ state: 'detached' })

  const panel = one.locator('section').filter({ has: one.locator('textarea') })
  await panel.locator('textarea').fill('192.0.2.99')
  await panel.getByRole('button', { name: 'Save' }).click()
  await one.getByText('Somebody else has changed this meanwhile').waitFor()
  expect(await panel.locator('textarea').inputValue()).toBe('192.0.2.99')
  await one.getByText('It is silent').waitFor({ state: 'detached' }) // the list is the one of now
  await expectAccessible(one, 'changed meanwhile')
  await expectNoSideways(one, 'changed meanwhile')
  await shot(one, 'changed-meanwhile-phone-light')
  await panel.getByRole('button', { name: 'Save' }).click()
  await panel.getByText('Saved').waitFor()
  const now = (await (await one.request.get(box.url + '/api/blocklists')).json()) as { lists: { zone: string }[]; allow: string[] }
  expect(now.allow).toEqual(['192.0.2.99'])
  expect(now.lists.map((l) => l.zone)).not.toContain('b.test')
  expect(faults).toEqual([])
  await Promise.all([context.close(), other.close()])
})
