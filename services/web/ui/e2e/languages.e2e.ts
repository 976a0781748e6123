// The pages in the other languages.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, launch, newBox, open, realBox, shot, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

/** What a browser asks for, the words on the button to sign in, and the form to look at it in. */
const languages: [locale: string, signIn: string, overview: string, form: Form][] = [
  ['de-CH', 'Anmelden', 'Überblick', 'phone-light'],
  ['it-IT', 'Accedi', 'Panoramica', 'desktop-dark'],
  ['ro-RO', 'Intră', 'Privire generală', 'phone-dark'],
  ['sr-RS', 'Prijavi se', 'Pregled', 'phone-light'],
  ['sq-AL', 'Hyr', 'Pamja e përgjithshme', 'desktop-light'],
]

describe.skipIf(realBox)('languages', () => {
  test.concurrent.each(languages)('%s: the browser’s language, without violations, nothing cut off', async (locale, signIn, overview, form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form, locale)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${locale} ${form}`)
      await shot(page, `${name}-${locale.slice(0, 2)}-${form}`)
    }
    await page.goto(box.url + '/admin')
    await page.getByRole('textbox').first().fill('admin@example.test')
    await page.locator('input[type=password]').fill('a long enough one')
    expect(await page.locator('html').getAttribute('lang')).toBe(locale.slice(0, 2))
    await page.getByRole('button', { name: signIn }).click()
    await page.getByRole('heading', { level: 1, name: overview }).waitFor()
    await page.locator('.tile').nth(5).waitFor()
    await look('overview')
    await expectAccessible(page, `overview ${locale}`)
    for (const name of ['people', 'waiting', 'dns', 'flow', 'box', 'deleted/time']) {
      await page.goto(`${box.url}/admin/${name}`)
      await page.locator('h1').waitFor()
      await page.locator('.busy').first().waitFor({ state: 'detached' }) // none is left
      await look(name.replace('/', '-'))
    }
    expect(faults).toEqual([])
    await context.close()
  })

  test('another language is chosen, and stays', async () => {
    const box = await newBox()
    const { page, context, faults } = await open(browser)
    await page.goto(box.url + '/setup')
    await page.getByLabel('Language').selectOption('Deutsch')
    await page.getByRole('heading', { name: /Willkommen/ }).waitFor()
    await page.goto(box.url + '/setup')
    await page.getByRole('heading', { name: /Willkommen/ }).waitFor()
    await page.getByLabel('Sprache').selectOption('English')
    await page.getByRole('heading', { name: /Welcome/ }).waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
