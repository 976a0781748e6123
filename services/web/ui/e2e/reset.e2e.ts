// The page on which an administrator gets a new password, with a code from the box's screen.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, until, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)('a new password for an administrator', () => {
  test.concurrent.each(Object.keys(forms) as Form[])('in %s: no violations, nothing cut off', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await page.goto(box.url + '/reset#' + box.code)
    await page.getByRole('heading', { level: 1, name: /new password/ }).waitFor()
    await until(() => page.getByLabel(/Code from/).inputValue(), (it) => it.toBe(box.code))
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByText('The address is missing.').waitFor()
    await page.getByLabel('The administrator’s address').fill('admin')
    await page.getByLabel('New password', { exact: true }).fill('violet otter reads maps')
    await expectNoSideways(page, `reset ${form}`)
    await expectAccessible(page, `reset ${form}`)
    await shot(page, `reset-${form}`)
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByText('The new password holds').waitFor()
    await expectAccessible(page, `reset done ${form}`)
    await shot(page, `reset-done-${form}`)
    const answer = await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'violet otter reads maps' } })
    expect(answer.status()).toBe(200)
    expect(faults).toEqual([])
    await context.close()
  })
})
