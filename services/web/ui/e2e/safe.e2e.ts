// The recovery phrase: in the set-up, and on an administrator's page.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, until, type Form } from './browser'
import { heading, next } from './walk'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

/** Types the two groups back that the page asks for; wrongly first. */
async function typeBack(page: Page, button: string) {
  const groups = await page.locator('.phrase code').allTextContents()
  expect(groups).toHaveLength(8)
  const asked = page.getByLabel(/^Group \d$/)
  expect(await asked.count()).toBe(2)
  await asked.first().fill('AAAA')
  await page.getByRole('button', { name: button }).click()
  await page.getByText('That is another group.').first().waitFor()
  for (const field of await page.locator('.field:has(label)').all()) {
    const n = /^Group (\d)$/.exec((await field.locator('label').textContent()) ?? '')?.[1]
    if (n) await field.locator('input').fill(groups[Number(n) - 1]!.toLowerCase())
  }
  await page.getByRole('button', { name: button }).click()
}

describe.skipIf(realBox)('the recovery phrase', () => {
  test.concurrent.each(Object.keys(forms) as Form[])('in the set-up of a box with a TPM, in %s', async (form) => {
    const box = await newBox({ disk: 'encrypted' })
    const { page, context, faults } = await open(browser, form)
    await page.goto(box.url + '/setup#' + box.code)
    await heading(page, /Welcome/)
    await until(() => page.getByLabel(/Code from/).inputValue(), (it) => it.toBe(box.code))
    await next(page)
    await heading(page, /takes the box/)
    await next(page) // not without it
    await page.getByText('Write the recovery phrase down and confirm it.').waitFor()
    await page.getByRole('button', { name: 'Show the phrase' }).click()
    await page.locator('.phrase').waitFor()
    await expectAccessible(page, 'phrase ' + form)
    await expectNoSideways(page, 'phrase ' + form)
    await shot(page, 'setup-safe-' + form)
    await typeBack(page, 'I have written it down')
    await page.getByText('The recovery phrase has been made').waitFor()
    expect(await page.evaluate(() => JSON.stringify(sessionStorage) + JSON.stringify(localStorage))).not.toContain('K7QH')
    await next(page)
    await heading(page, /time/)
    expect(faults).toEqual([])
    await context.close()
  })

  test.concurrent('chosen on a box without a TPM: it restarts', async () => {
    const box = await newBox({ disk: 'plain' })
    const { page, context, faults } = await open(browser, 'phone-light')
    await page.goto(box.url + '/setup#' + box.code)
    await until(() => page.getByLabel(/Code from/).inputValue(), (it) => it.toBe(box.code))
    await next(page)
    await heading(page, /takes the box/)
    await shot(page, 'setup-safe-choice')
    await expectAccessible(page, 'choice')
    await page.getByRole('radio', { name: /with the phrase at each start/ }).check()
    await page.locator('.phrase').waitFor()
    await expectAccessible(page, 'chosen')
    await shot(page, 'setup-safe-chosen')
    await typeBack(page, 'Encrypt and restart')
    await heading(page, /The box restarts/)
    await expectAccessible(page, 'restarts')
    expect(faults).toEqual([])
    await context.close()
  })

  test.concurrent('not wanted on a box with a TPM: it restarts', async () => {
    const box = await newBox({ disk: 'encrypted' })
    const { page, context, faults } = await open(browser, 'desktop-light')
    await page.goto(box.url + '/setup#' + box.code)
    await until(() => page.getByLabel(/Code from/).inputValue(), (it) => it.toBe(box.code))
    await next(page)
    await heading(page, /takes the box/)
    await page.getByText('Don’t encrypt this disk').click()
    await expectAccessible(page, 'not wanted')
    await shot(page, 'setup-safe-leave')
    await page.getByRole('button', { name: 'Restart without encryption' }).click()
    await heading(page, /The box restarts/)
    expect(await page.getByText('asks for the recovery phrase').count()).toBe(0)
    expect(faults).toEqual([])
    await context.close()
  })

  test.concurrent.each(Object.keys(forms) as Form[])('a new one, on the administrator’s page in %s', async (form) => {
    const box = await newBox({ people: true, disk: 'encrypted' })
    const { page, context, faults } = await open(browser, form)
    await page.goto(box.url + '/admin/box/safe')
    await page.getByRole('textbox').first().fill('admin@example.test')
    await page.locator('input[type=password]').fill('a long enough one')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Nobody has made a recovery phrase').waitFor()
    await page.getByLabel('Your password').fill('another one')
    await page.getByRole('button', { name: 'Show the phrase' }).click()
    await page.getByText('This is not your present password.').waitFor()
    await page.getByLabel('Your password').fill('a long enough one')
    await page.getByRole('button', { name: 'Show the phrase' }).click()
    await page.locator('.phrase').waitFor()
    await expectAccessible(page, 'new phrase ' + form)
    await expectNoSideways(page, 'new phrase ' + form)
    await shot(page, 'box-safe-' + form)
    await typeBack(page, 'I have written it down')
    await page.getByText('This phrase holds from now on.').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
