// The box's log.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shots, until, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)("the box's log", () => {
  test.concurrent.each(Object.keys(forms) as Form[])('is read, searched and followed, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const signedIn = await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })
    expect(signedIn.status()).toBe(200)
    await page.goto(box.url + '/admin/box/log')
    await page.getByText('log-in refused', { exact: true }).waitFor()
    await page.getByText('the time servers don’t answer').or(page.getByText("the time servers don't answer")).waitFor()
    await expectNoSideways(page, `log ${form}`)
    await expectAccessible(page, `log ${form}`)
    await page.screenshot({ path: `${shots}/box-log-${form}.png` }) // what stands on the screen: the page is long
    if (form.startsWith('phone')) {
      // The first line stands on the first screen, and a page of them is a few screens long.
      const line = await page.getByText('log-in refused', { exact: true }).boundingBox()
      expect(line!.y).toBeLessThan(500)
      expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(4000)
      await page.getByRole('button', { name: 'All of this line' }).first().click()
      await page.getByRole('button', { name: 'Less of it' }).waitFor()
      await page.getByText('Narrow it down').click()
      await page.screenshot({ path: `${shots}/box-log-narrow-${form}.png` })
      await expectAccessible(page, `log narrowed ${form}`)
    }
    await page.getByLabel('How grave').selectOption('error')
    await page.getByText('log-in refused', { exact: true }).waitFor({ state: 'detached' })
    await page.getByText('the time servers').waitFor()
    expect(page.url()).toContain('level=error')
    await page.getByLabel('How grave').selectOption('')
    await page.getByRole('heading', { level: 1 }).click()
    await page.keyboard.press('/')
    await page.keyboard.type('letter-3')
    await page.getByText('log-in refused', { exact: true }).waitFor({ state: 'detached' })
    await page.getByText('id=letter-399').first().waitFor()
    while (await page.getByRole('button', { name: 'Look further back' }).count()) {
      const before = await page.getByRole('row').count()
      await page.getByRole('button', { name: 'Look further back' }).click()
      await until(async () => await page.getByRole('row').count() > before || await page.getByRole('button', { name: 'Look further back' }).count() === 0, (it) => it.toBe(true))
    }
    await page.getByText('id=letter-3 ').first().waitFor()
    const asked = page.waitForRequest((r) => r.url().includes('/api/log') && r.url().includes('after='))
    await page.getByLabel('Follow: show new lines as they come').check()
    await asked
    await page.goto(box.url + '/admin/box/log?q=nowhere+at+all')
    await page.getByText('No such line').waitFor()
    await expectAccessible(page, `log empty ${form}`)
    expect(faults).toEqual([])
    await context.close()
  })
})
