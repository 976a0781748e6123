// What everybody has of their own: passwords for mail programs, and what has logged in.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)("one's own", () => {
  test.concurrent.each(Object.keys(forms) as Form[])('app passwords and devices, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    const signIn = (address: string, password: string) => page.request.post(box.url + '/api/session', { data: { address, password } })
    expect((await signIn('alice@example.test', 'her long password')).status()).toBe(200)
    await page.goto(box.url + '/me')
    const panel = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Passwords for mail programs' }) })
    await panel.getByRole('button', { name: 'Make a password' }).click()
    await panel.getByLabel('Name').and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Enter')
    await panel.getByText('The password has no name.').waitFor()
    await look('me-app-faults')
    await panel.getByLabel('Name').fill('my phone')
    await panel.getByLabel('POP3').uncheck()
    await panel.getByLabel('Present password').fill('wrong')
    await page.keyboard.press('Enter')
    await panel.getByText('This is not your present password.').waitFor()
    await panel.getByLabel('Present password').fill('her long password')
    await page.keyboard.press('Enter')
    await page.getByText('The password for my phone').waitFor()
    await panel.getByText('For IMAP and sending.').waitFor()
    await panel.getByRole('button', { name: 'Let programs use nothing else' }).waitFor()
    await page.getByRole('heading', { name: 'What has logged in' }).waitFor()
    await look('me-app')
    await panel.getByRole('button', { name: 'Let programs use nothing else' }).click()
    await panel.getByLabel('Present password').fill('her long password')
    await page.keyboard.press('Enter')
    await page.getByText('It is done.').waitFor()
    await panel.getByText('Your own password is for these pages alone.').waitFor()
    await look('me-app-only')

    // An administrator sees how many there are, and ends them.
    expect((await signIn('admin@example.test', 'a long enough one')).status()).toBe(200)
    await page.goto(box.url + '/admin/people/alice%40example.test')
    await page.getByText('One program has a password of its own.').waitFor()
    await page.getByText('with the password “my phone”').waitFor()
    await look('person-app')
    await page.getByRole('button', { name: 'End all of them' }).click()
    await page.getByText('All are ended.').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
