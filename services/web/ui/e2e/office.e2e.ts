// The pages of an office that is at work.
import { createHmac } from 'node:crypto'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, until, type Form } from './browser'
import { heading } from './walk'

/** What an app shows now (RFC 6238). */
function appCode(secret: string): string {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g)!.map((b) => parseInt(b, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const sum = createHmac('sha1', key).update(step).digest()
  return String((sum.readUInt32BE(sum[19]! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

describe.skipIf(realBox)('an office at work', () => {
  test.each(Object.keys(forms) as Form[])('every page in %s: no violations, nothing cut off', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    const look = async (name: string) => {
      await expectNoSideways(page, `${name} ${form}`)
      await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    await page.goto(box.url + '/')
    await heading(page, /example\.test/)
    await look('home')
    await page.goto(box.url + '/connect/phone')
    await heading(page, /mail program/)
    await page.getByText('How to install it').click()
    await look('connect')
    await page.goto(box.url + '/mail')
    await heading(page, /isn’t part/)
    await page.goto(box.url + '/nowhere')
    await heading(page, /no such page/)
    await look('lost')
    await page.goto(box.url + '/setup')
    await heading(page, /set up already/)
    await look('closed')
    await page.goto(box.url + '/admin')
    await heading(page, /Run the office/)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The address is missing.').waitFor()
    await page.getByLabel('Address').fill('admin@example.test')
    await page.getByLabel('Password', { exact: true }).fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Address or password is wrong.').waitFor()
    await look('signin')
    await page.getByLabel('Password', { exact: true }).fill('a long enough one')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await heading(page, /^Overview$/)
    await page.goto(box.url + '/admin/people')
    await page.getByRole('rowheader', { name: 'Giulia Rossi' }).waitFor()
    await look('people')
    await page.getByRole('link', { name: 'Add a person' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('The name is missing.').waitFor()
    await look('people-add')
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Remove Alice' }).click()
    await page.getByText(/stays recoverable until/).waitFor()
    await look('people-remove')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.goto(box.url + '/admin/people?q=giu')
    await page.getByRole('rowheader', { name: 'Giulia Rossi' }).waitFor()
    await until(() => page.getByRole('rowheader', { name: 'Ben Marku' }).count(), (it) => it.toBe(0))
    const elsewhere = await page.context().browser()!.newContext({ ignoreHTTPSErrors: true, userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1' })
    const admin = { address: 'admin@example.test', password: 'a long enough one' }
    expect((await elsewhere.request.post(box.url + '/api/session', { data: admin })).status()).toBe(200)
    await page.goto(box.url + '/me')
    await page.getByRole('heading', { name: 'Change your password' }).waitFor()
    await page.getByText('This browser').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'Safari on iPhone' }).waitFor()
    await look('me')
    // That browser is signed out from here, and finds itself so.
    await page.getByRole('button', { name: 'Sign out Safari on iPhone' }).click()
    await page.getByRole('alert').getByText('It has been signed out.').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'Safari on iPhone' }).waitFor({ state: 'detached' })
    expect((await elsewhere.request.get(box.url + '/api/session')).status()).toBe(401)
    await elsewhere.close()
    await page.goto(box.plain + '/')
    await page.getByText('Your browser will warn you').waitFor()
    await look('plain')
    expect(faults).toEqual([])
    await context.close()
  })

  test.each(Object.keys(forms) as Form[])('a code from the phone, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await page.goto(box.url + '/me')
    const signIn = async () => {
      await page.getByLabel('Address').fill('alice')
      await page.getByLabel('Password', { exact: true }).fill('her long password')
      await page.getByRole('button', { name: 'Sign in' }).click()
    }
    await signIn()
    await page.getByRole('button', { name: 'Turn it on', exact: true }).click()
    const secret = (await page.locator('.factor-code ~ p .mono').innerText()).replaceAll(' ', '')
    const panel = page.locator('section').filter({ hasText: 'A code from your phone' })
    await panel.getByLabel('Present password').fill('her long password')
    await panel.getByLabel('Code from the app').fill('000')
    await page.keyboard.press('Enter')
    await panel.getByText('This code isn’t right'.replace('’', "'")).waitFor()
    await expectNoSideways(page, 'factor ' + form)
    await expectAccessible(page, 'factor ' + form)
    await shot(page, 'me-factor-' + form)
    await panel.getByLabel('Code from the app').fill(appCode(secret))
    await page.keyboard.press('Enter')
    await page.getByText('It is on from now.').waitFor()
    const recovery = (await panel.locator('.note .mono').innerText()).trim().split(/\s+/)
    expect(recovery.length).toBeGreaterThanOrEqual(10)
    await expectAccessible(page, 'recovery ' + form)
    await shot(page, 'me-factor-on-' + form)

    // From now on the password alone lets nobody in.
    await context.clearCookies()
    await page.goto(box.url + '/me')
    await signIn()
    await page.getByLabel('Code from the app').waitFor()
    await expectAccessible(page, 'sign in with code ' + form)
    await shot(page, 'signin-code-' + form)
    await page.getByLabel('Code from the app').fill('123')
    await page.keyboard.press('Enter')
    await page.getByText('or has been used already').waitFor()
    await page.getByLabel('Code from the app').fill(recovery[0]!)
    await page.keyboard.press('Enter')
    await page.getByText('Recovery codes left: 9.').waitFor()
    await panel.getByLabel('Present password').fill('her long password')
    await page.getByRole('button', { name: 'Turn it off' }).click()
    await page.getByRole('button', { name: 'Turn it on', exact: true }).waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('somebody who isn’t an administrator', async () => {
    const box = await newBox({ people: true })
    const { page, context } = await open(browser)
    await page.goto(box.url + '/admin/people')
    await page.getByLabel('Address').fill('alice')
    await page.getByLabel('Password', { exact: true }).fill('her long password')
    await page.keyboard.press('Enter')
    await page.getByText('Only an administrator may see this.').waitFor()
    await page.getByRole('link', { name: 'Your account' }).click()
    await page.getByLabel('Present password').fill('wrong')
    await page.getByLabel('New password').fill('winter-lamp-orchestra')
    await page.getByRole('button', { name: 'Change it' }).click()
    await page.getByText('This is not your present password.').waitFor()
    await page.getByLabel('Present password').fill('her long password')
    await page.getByRole('button', { name: 'Change it' }).click()
    await page.getByText('Your password has been changed.').waitFor()
    await context.close()
  })

  test('an administrator changes their own password where the present one is asked for', async () => {
    const box = await newBox({ people: true })
    const { page, context } = await open(browser)
    // A link with a slip in it opens the list, not an empty page.
    await page.goto(box.url + '/admin/people/%E0%A4/password')
    await page.getByLabel('Address').fill('admin')
    await page.getByLabel('Password', { exact: true }).fill('a long enough one')
    await page.keyboard.press('Enter')
    await heading(page, /People/)
    await page.getByRole('row', { name: /admin@/ }).getByRole('link', { name: /New password/ }).click()
    await page.getByLabel('Present password').waitFor()
    await context.close()
  })

  test('a code with a slip in it is asked for again', async () => {
    const box = await newBox()
    const { page, context } = await open(browser)
    await page.goto(box.url + '/setup#olive%-harbor')
    await heading(page, /Welcome/)
    await context.close()
  })

  test('the first page is light, and nothing comes from elsewhere', async () => {
    const box = await newBox()
    const { page, context } = await open(browser)
    let bytes = 0
    const elsewhere: string[] = []
    page.on('response', async (r) => {
      const sizes = await r.request().sizes().catch(() => undefined)
      bytes += sizes?.responseBodySize ?? 0
    })
    page.on('request', (r) => {
      if (!r.url().startsWith(box.url)) elsewhere.push(r.url())
    })
    const began = Date.now()
    await page.goto(box.url + '/setup')
    await heading(page, /Welcome/)
    const took = Date.now() - began
    await page.waitForLoadState('networkidle')
    console.log(`first page: ${(bytes / 1024).toFixed(1)} KB compressed, usable after ${took} ms`)
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(70 * 1024) // no texts of pages that only an administrator sees
    expect(elsewhere).toEqual([])
    await context.close()
  })
})
