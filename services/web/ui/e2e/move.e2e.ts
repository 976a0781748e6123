// Mailboxes that come from another server.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)('moving in', () => {
  test.concurrent.each(Object.keys(forms) as Form[])('many people, and one, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    expect((await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })).status()).toBe(200)
    await page.goto(box.url + '/admin/flow/move')
    const done = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'ben.marku@example.test' }) })
    await done.getByText('2 were left out: they are too large for this box.').waitFor()
    await done.getByText('What was left out, and why (3)').click()
    await done.getByText('NO [SERVERBUG] internal error').waitFor()
    await page.getByText("The server doesn't know this name and password").waitFor()
    await page.getByText('1 of 2 are through.').waitFor()

    // What can't be begun stays in the list, and is told.
    await page.getByRole('button', { name: 'Move a mailbox in' }).click()
    await page.getByText('There is nobody in the list.').waitFor()
    await page.getByLabel('The old server').fill('imap.oldhost.test')
    await page.getByLabel('The people').fill('alice@example.test, alice@oldhost.test, pass,word\nnobody@example.test;his password\nthis is no line')
    await page.getByRole('button', { name: 'Begin with 2 mailboxes' }).click()
    await page.getByText('Lines that were not understood: 3.').waitFor()
    await look('move-faults')
    await page.getByLabel('The people').fill('alice@example.test, alice@oldhost.test, pass,word\nnobody@example.test;his password')
    await page.getByRole('button', { name: 'Begin with 2 mailboxes' }).click()
    await page.getByText('One could not begin.').waitFor()
    await page.getByText('1,204 of 5,104 messages copied').waitFor()
    await page.getByText('3 of 12 folders. Now: Projects/2026.').waitFor()
    expect(await page.getByLabel('The people').inputValue()).toBe('nobody@example.test;his password')
    await look('move')

    // One person's page has their mailbox alone.
    await page.goto(box.url + '/admin/people/alice%40example.test/mail')
    await page.getByText('1,204 of 5,104 messages copied').waitFor()
    await look('person-move')
    await page.getByRole('button', { name: 'Stop alice@example.test' }).click()
    await page.getByText('Stopped').waitFor()
    expect(await page.getByLabel('The old server').inputValue()).toBe('imap.oldhost.test')
    expect(await page.getByLabel('User name there').inputValue()).toBe('alice@oldhost.test')
    await page.getByRole('button', { name: 'Begin again' }).click()
    await page.getByText('This is missing.').waitFor()
    await page.getByLabel('Password', { exact: true }).fill('word')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Stop alice@example.test' }).waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
