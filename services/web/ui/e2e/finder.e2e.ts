// The field that finds everything.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)('the finder', () => {
  test.concurrent.each(Object.keys(forms) as Form[])('pages, people, addresses and messages, by keyboard, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })
    await page.goto(box.url + '/admin/people')
    await page.getByRole('button', { name: 'Find' }).waitFor()
    if (form.startsWith('phone')) await page.getByRole('button', { name: 'Find' }).click()
    else await page.keyboard.press('Control+k')
    const field = page.getByRole('combobox', { name: 'Find anything' })
    await field.waitFor()
    await expectAccessible(page, `finder ${form}`)
    await field.fill('offer')
    await page.getByRole('option', { name: /^Offer for the roof/ }).waitFor()
    await expectNoSideways(page, `finder ${form}`)
    await shot(page, `finder-${form}`)
    await field.fill('nothing is called like this')
    await page.getByText('Nothing is like that.').waitFor()
    await field.fill('clara')
    await page.getByRole('option', { name: /Clara Weiß/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Clara Weiß' }).waitFor()
    await page.getByRole('button', { name: 'Find' }).click()
    await field.fill('cert')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/admin\/box\/certificates/)
    await page.getByRole('button', { name: 'Find' }).click()
    await field.waitFor() // keys that come before it is there are nobody's
    await page.keyboard.press('Escape')
    await field.waitFor({ state: 'detached' })
    expect(faults).toEqual([])
    await context.close()
  })
})
