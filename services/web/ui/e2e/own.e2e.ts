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

  test.concurrent.each(Object.keys(forms) as Form[])('a passkey, in %s', async (form) => {
    const box = await newBox({ people: true })
    const url = box.url.replace('127.0.0.1', 'localhost')
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    const signIn = (at: string) => page.request.post(at + '/api/session', { data: { address: 'alice@example.test', password: 'her long password' } })
    const panel = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Passkeys' }) })
    // By its number there are none, and the page says why.
    expect((await signIn(box.url)).status()).toBe(200)
    await page.goto(box.url + '/me')
    await panel.getByText('this page was opened by its number').waitFor()
    await panel.getByRole('link', { name: 'Open it as mail.example.test' }).waitFor()
    await look('me-passkey-number')

    const device = await context.newCDPSession(page)
    await device.send('WebAuthn.enable')
    const { authenticatorId } = await device.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    })
    expect((await signIn(url)).status()).toBe(200)
    await page.goto(url + '/me')
    await panel.getByRole('button', { name: 'Add a passkey' }).click()
    await panel.getByLabel('Name').and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Enter')
    await panel.getByText('The passkey has no name.').waitFor()
    await look('me-passkey-faults')
    await panel.getByLabel('Name').fill('my phone')
    await panel.getByLabel('Present password').fill('her long password')
    await page.keyboard.press('Enter')
    await page.getByText('The passkey is there.').waitFor()
    await panel.getByText('for localhost.').waitFor()
    await look('me-passkey')
    expect((await device.send('WebAuthn.getCredentials', { authenticatorId })).credentials).toHaveLength(1)

    // It signs in alone, and somebody who isn't verified doesn't.
    await context.clearCookies()
    await page.goto(url + '/me')
    await device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByText('No passkey came from the device.').waitFor()
    await look('signin-passkey')
    await device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByRole('heading', { name: 'Passwords for mail programs' }).waitFor()
    await panel.getByRole('button', { name: 'End it my phone' }).click()
    await page.getByText('It lets nobody in any more.').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
