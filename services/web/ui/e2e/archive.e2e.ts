// All mail of somebody as a file: out of the box and into it.
import { readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, type Form } from './browser'
import { heading } from './walk'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

const letters = { name: 'Old letters.mbox', mimeType: 'application/mbox', buffer: Buffer.from('From a Tue Nov 14 22:13:20 2023\nSubject: x\n\ny\n') }

describe.skipIf(realBox)('mail as a file', () => {
  test.concurrent.each(Object.keys(forms) as Form[])('is saved and added, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    const signIn = async (address: string, password: string) => expect((await page.request.post(box.url + '/api/session', { data: { address, password } })).status()).toBe(200)
    await signIn('alice@example.test', 'her long password')
    await page.goto(box.url + '/me')
    await page.getByRole('link', { name: 'Save or add mail' }).click()
    await heading(page, /Your mail as a file/)

    // A browser that was left open isn't enough.
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Password').fill('wrong')
    await page.keyboard.press('Enter')
    await dialog.getByText('This is not your present password.').waitFor()
    await expectAccessible(page, `archive-sure ${form}`)
    await dialog.getByLabel('Password').fill('her long password')
    const coming = page.waitForEvent('download')
    await page.keyboard.press('Enter')
    const file = await coming
    expect(file.suggestedFilename()).toBe('alice@example.test.tar')
    expect(readFileSync(await file.path(), 'latin1')).toContain('maildir of ')
    await page.getByText('Your browser saves it now.').waitFor()

    // What is no mail, and what can be no folder, is said; the rest comes.
    const choose = page.locator('input[type=file]')
    await choose.setInputFiles({ name: 'holiday.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('\xff\xd8\xff no mail', 'latin1') })
    await page.getByText('This is no mail that the box can read.').waitFor()
    await page.getByLabel('Put it into the folder').fill('a//b')
    await choose.setInputFiles(letters)
    await page.getByText('That is no possible folder name.').waitFor()
    await look('archive-faults')
    await page.getByLabel('Put it into the folder').fill('Old')
    const asked = page.waitForRequest((r) => r.method() === 'POST' && r.url().includes('/api/me/mail'))
    await choose.setInputFiles(letters)
    expect(new URL((await asked).url()).search).toBe('?name=Old+letters&into=Old')
    await page.getByText('One message is in now').waitFor()
    await page.getByText('What was noticed').click()
    await page.getByText('into Old').waitFor()
    await look('archive')

    // An administrator does the same for somebody else.
    await signIn('admin@example.test', 'a long enough one')
    await page.goto(box.url + '/admin/people/alice%40example.test/mail')
    await page.getByLabel('As', { exact: true }).selectOption('mbox')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await dialog.getByLabel('Password').fill('a long enough one')
    const other = page.waitForEvent('download')
    await page.keyboard.press('Enter')
    expect((await other).suggestedFilename()).toBe('alice@example.test.zip')
    await choose.setInputFiles(letters)
    await page.getByText('One message is in now').waitFor()
    await look('person-mail')
    expect(faults).toEqual([])
    await context.close()
  })

  test('what is on its way can be stopped', async () => {
    const box = await newBox({ people: true })
    const { page, context } = await open(browser)
    await page.request.post(box.url + '/api/session', { data: { address: 'alice@example.test', password: 'her long password' } })
    await page.route('**/api/me/mail*', () => undefined) // the line is slow
    await page.goto(box.url + '/me/mail')
    await page.locator('input[type=file]').setInputFiles(letters)
    await page.getByRole('progressbar').waitFor()
    await page.getByText('Keep this page open.').waitFor()
    await expectAccessible(page, 'archive on its way')
    await shot(page, 'archive-going-desktop-light')
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('Choose a file').waitFor()
    await context.close()
  })
})
