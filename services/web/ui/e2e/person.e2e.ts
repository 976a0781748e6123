// What an administrator sets for one person's programs.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, until, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

const certificate = '-----BEGIN CERTIFICATE-----\nMAMCAQc=\n-----END CERTIFICATE-----\n'

describe.skipIf(realBox)("a person's programs", () => {
  test.concurrent.each(Object.keys(forms) as Form[])('POP3, APOP, the largest message and certificates, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    const part = (title: string) => page.locator('section').filter({ has: page.getByRole('heading', { name: title }) })
    expect((await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })).status()).toBe(200)
    await page.goto(box.url + '/admin/people/alice%40example.test')

    const largest = part('Largest message')
    await largest.getByText('Empty: 50 MB').waitFor()
    await largest.getByLabel('have at most').fill('a few')
    await page.keyboard.press('Enter')
    await largest.getByText('Type a number such as 25').waitFor()
    await largest.getByLabel('have at most').fill('25')
    await page.keyboard.press('Enter')
    await largest.getByText('Saved').waitFor()

    await look('person-largest')
    await page.getByRole('link', { name: 'Mail programs' }).and(page.locator('.parts a')).click()

    const pop = part('Fetching by POP3')
    await pop.getByLabel('Fetched mail stays on the box').selectOption('days')
    await pop.getByLabel('Days after the first fetch').fill('soon')
    await page.keyboard.press('Enter')
    await pop.getByText('This is no whole number.').waitFor()
    await pop.getByLabel('Days after the first fetch').fill('30')
    await pop.getByLabel('Least time').fill('60')
    await page.keyboard.press('Enter')
    await pop.getByText('Saved').waitFor()

    const old = part('Secret for old POP3 programs')
    await old.getByText('There is none').waitFor()
    await old.getByRole('button', { name: 'Make a secret' }).click()
    await old.getByText('it isn’t shown again').waitFor()
    await old.getByText('There is one.').waitFor()

    const certs = part('Certificates of programs')
    await certs.getByRole('button', { name: 'Let it log in' }).click()
    await certs.getByText('This is no fingerprint.').waitFor()
    await look('person-programs-faults')
    await certs.locator('input[type=file]').setInputFiles({ name: 'scanner.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(certificate) })
    await until(() => certs.getByLabel('Fingerprint').inputValue(), (it) => it.toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/))
    expect(await certs.getByLabel('What it is for').inputValue()).toBe('scanner')
    await certs.getByRole('button', { name: 'Let it log in' }).click()
    await certs.getByRole('button', { name: 'End it scanner' }).waitFor()
    await look('person-programs')

    // It is all there when the page is opened anew.
    await page.reload()
    expect(await part('Fetching by POP3').getByLabel('Days after').inputValue()).toBe('30')
    await old.getByRole('button', { name: 'End it' }).click()
    await old.getByText('The program can’t log in any more.').waitFor()
    await certs.getByRole('button', { name: 'End it scanner' }).click()
    await certs.getByText('scanner is ended').waitFor()
    await page.getByRole('link', { name: 'Person', exact: true }).click()
    expect(await part('Largest message').getByLabel('have at most').inputValue()).toBe('25')
    expect(faults).toEqual([])
    await context.close()
  })

  test.concurrent.each(Object.keys(forms) as Form[])('their own page of them, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const part = (title: string) => page.locator('section').filter({ has: page.getByRole('heading', { name: title }) })
    const as = async (who: string) => expect((await page.request.post(box.url + '/api/session', { data: { address: who + '@example.test', password: who === 'alice' ? 'her long password' : 'a long enough one' } })).status()).toBe(200)
    await as('alice')
    await page.goto(box.url + '/me')
    await page.getByRole('link', { name: 'Older programs' }).click()
    await page.getByText('asks programs for no certificates yet').waitFor()
    expect(await part('Secret for old POP3 programs').count()).toBe(0)
    expect(await page.getByLabel('Least time').count()).toBe(0)

    const pop = part('Fetching by POP3')
    await pop.getByLabel('Fetched mail stays on the box').selectOption('days')
    await pop.getByLabel('Days after the first fetch').fill('30')
    await page.keyboard.press('Enter')
    await pop.getByText('Saved').waitFor()

    // What an administrator has allowed is theirs from then on.
    await as('admin')
    const hers = { who: 'alice@example.test' }
    expect((await page.request.post(box.url + '/api/apop', { data: hers })).status()).toBe(201)
    expect((await page.request.put(box.url + '/api/certificates', { data: { ...hers, sha256: 'ab'.repeat(32), name: 'laptop' } })).ok()).toBe(true)
    expect((await page.request.put(box.url + '/api/pop3', { data: { ...hers, login_delay: 60 } })).ok()).toBe(true)
    await as('alice')
    await page.reload()
    await pop.getByText('Least time between two log-ins: 60 s.').waitFor()
    expect(await pop.getByLabel('Days after').inputValue()).toBe('30')
    const old = part('Secret for old POP3 programs')
    await old.getByRole('button', { name: 'Make another one' }).click()
    await old.getByText('it isn’t shown again').waitFor()
    const certs = part('Certificates of programs')
    await certs.locator('input[type=file]').setInputFiles({ name: 'phone.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(certificate) })
    await until(() => certs.getByLabel('What it is for').inputValue(), (it) => it.toBe('phone'))
    await certs.getByRole('button', { name: 'Let it log in' }).click()
    await certs.getByRole('button', { name: 'End it phone' }).waitFor()
    await expectNoSideways(page, `own programs ${form}`)
    await expectAccessible(page, `own programs ${form}`)
    await shot(page, `me-programs-${form}`)

    await certs.getByRole('button', { name: 'End it laptop' }).click()
    await certs.getByText('laptop is ended').waitFor()
    await old.getByRole('button', { name: 'End it' }).click()
    await old.getByText('The program can’t log in any more.').waitFor()
    await page.reload()
    await certs.getByRole('button', { name: 'End it phone' }).waitFor()
    expect(await certs.getByRole('button', { name: 'End it laptop' }).count()).toBe(0)
    expect(await old.count()).toBe(0)
    expect(faults).toEqual([])
    await context.close()
  })
})
