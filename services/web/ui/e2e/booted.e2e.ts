// Every page there is, of a real box with mail in it; and what becomes of a message, to its end. Whoever starts the box
// says by BOX_AT_WORK that it has been set up, and has:
//   a message "hold this" to alice, held by a rule on contents;
//   a message "to nobody there" of alice's, which the other server refused;
//   a message "welcome" in alice's mailbox.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, launch, newBox, open, realBox, shot, until, type Form } from './browser'
import { heading, password } from './walk'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

const domain = process.env['BOX_DOMAIN'] ?? 'example.test'

async function signIn(page: Page, url: string, who: string) {
  await page.goto(url + '/me')
  await page.getByLabel('Address').fill(who + '@' + domain)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
}

/** What a page asks the box for, but for the events, which never end. */
function calls(page: Page) {
  const under = new Set<unknown>()
  const failed: string[] = []
  const isCall = (url: string) => new URL(url).pathname.startsWith('/api/') && !url.includes('/api/events')
  page.on('request', (r) => { if (isCall(r.url())) under.add(r) })
  page.on('requestfinished', (r) => under.delete(r))
  page.on('requestfailed', (r) => under.delete(r))
  page.on('response', (r) => { if (isCall(r.url()) && r.status() >= 400) failed.push(`${r.request().method()} ${r.url()}: ${r.status()}`) })
  return {
    failed,
    /** Nothing is asked for, and nothing is said to be coming. */
    settled: () => until(async () => under.size + (await page.locator('.busy').count()), (it) => it.toBe(0)),
  }
}

/** Pages that differ only in whom or what they are about are one. */
const kindOf = (path: string) => path.split('/').map((part) => (/[@.%]|[0-9]{3}|^[0-9a-zA-Z_-]{20,}$/.test(part) ? '*' : part)).join('/')

/** Where the links of a page lead, within the office's pages: the licences are a text. */
const linksOf = (page: Page) => page.locator('a[href^="/"]:not([download]):not([href^="/api/"]):not([href$=".txt"])').evaluateAll((all) => all.map((a) => new URL((a as HTMLAnchorElement).href).pathname))

describe.runIf(realBox && !!process.env['BOX_AT_WORK'])('a booted box at work', () => {
  test.each([
    ['desktop-light', 'admin'],
    ['phone-dark', 'admin'],
    ['phone-dark', 'alice'],
  ] as [Form, string][])('every page there is, in %s, for %s', async (form, who) => {
    const box = await newBox()
    const { page, context, faults } = await open(browser, form)
    await signIn(page, box.url, who)
    const call = calls(page)
    const seen = new Set<string>()
    const coming = ['/me', '/admin', '/connect', '/']
    while (coming.length > 0) {
      const path = coming.shift()!
      if (seen.has(kindOf(path))) continue
      seen.add(kindOf(path))
      const where = `${path} for ${who} in ${form}`
      await page.goto(box.url + path)
      await page.getByRole('heading').first().waitFor()
      await call.settled()
      expect(call.failed, where).toEqual([])
      expect(await page.locator('.note.bad[role=alert]').allInnerTexts(), where).toEqual([])
      await expectNoSideways(page, where)
      await expectAccessible(page, where)
      await shot(page, `booted-${who}${kindOf(path).replaceAll('/', '-').replaceAll('*', 'x')}-${form}`)
      coming.push(...(await linksOf(page)))
    }
    console.log(`${who}, ${form}: ${seen.size} pages: ${[...seen].sort().join(' ')}`)
    expect(seen.size).toBeGreaterThan(who === 'admin' ? 40 : 5)
    expect(faults).toEqual([])
    await context.close()
  })

  test('a message is found, let go, and another followed to its end, by keyboard alone', async () => {
    const box = await newBox()
    const { page, context, faults } = await open(browser)
    await signIn(page, box.url, 'admin')
    /** From any page to a message, as quick fingers go. */
    const find = async (subject: string) => {
      await page.keyboard.press('Control+k')
      const field = page.getByRole('combobox', { name: 'Find anything' })
      await field.waitFor()
      await page.keyboard.type(subject)
      await page.getByRole('option', { name: new RegExp('^' + subject) }).waitFor()
      await page.keyboard.press('Enter')
      await heading(page, new RegExp('^' + subject + '$'))
    }
    await find('hold this')
    await page.getByText('It waits for your decision').waitFor()
    await shot(page, 'booted-held-desktop-light')
    await page.getByRole('button', { name: 'Let it go' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('Somebody let it go').waitFor()
    await page.getByText(`By admin@${domain}.`).waitFor()
    await until(async () => {
      await page.reload()
      await heading(page, /^hold this$/)
      return page.getByText('Delivered', { exact: true }).first().isVisible()
    }, (it) => it.toBe(true))
    await shot(page, 'booted-released-desktop-light')

    await find('to nobody there')
    await page.getByText('The other server refused it for good').waitFor()
    await page.getByText('550 5.1.1 There is nobody of that name').first().waitFor()
    await page.getByText('Returned to its sender').first().waitFor()
    await expectAccessible(page, 'a message that was returned')
    await shot(page, 'booted-returned-desktop-light')
    expect(faults).toEqual([])
    await context.close()
  })
})
