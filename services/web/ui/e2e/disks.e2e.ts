// The disks that the box sees.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)('the disks', () => {
  test.concurrent.each(Object.keys(forms) as Form[])('are shown with how they are, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    expect((await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })).status()).toBe(200)
    await page.goto(box.url + '/admin/box')
    await page.getByRole('navigation', { name: 'The box' }).getByRole('link', { name: 'Disks' }).click()
    await page.getByText('1.8 TB of 2 TB are free.').waitFor()
    await page.getByText('has used 92 % of the writing').waitFor()
    await page.getByText('34°C').waitFor()
    await page.getByText('3.6 years').waitFor()
    expect(await page.getByText('Errors').count()).toBe(0) // what it doesn't tell isn't shown
    await page.getByText('SanDisk Ultra').waitFor()
    await look('box-disks')

    // Disks that say nothing, and one that fails.
    const disk = { device: 'vda', bytes: 8e9, own: true, findings: [] }
    const answer = (disks: unknown[]) => page.route('**/api/disks', (route) => route.fulfill({ json: { disks } }))
    await answer([disk])
    await page.reload()
    await page.getByText('The disk doesn’t say how it is.').waitFor()
    await page.getByText('There are none.').waitFor()
    await look('box-disks-silent')
    await page.unroute('**/api/disks')
    await answer([{ ...disk, health: { failing: true, reallocated: 812, pending: 7, errors: 9, worn: -1, celsius: 41, hours: 50 }, findings: [{ what: 'The disk says of itself that it will fail soon.', what_to_do: 'Make a backup now and replace the disk.' }] }])
    await page.reload()
    await page.getByText('Replace it', { exact: true }).waitFor()
    await page.getByText('2 days').waitFor()
    await look('box-disks-failing')
    await page.unroute('**/api/disks')
    await answer([])
    await page.reload()
    await page.getByText('The disk with the mail is not connected.').waitFor()
    await look('box-disks-gone')
    expect(faults).toEqual([])
    await context.close()
  })
})
