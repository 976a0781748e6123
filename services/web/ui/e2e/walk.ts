// Walks a person through the set-up, screen by screen.
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { until, type Box } from './browser'

/** The administrator's. A test that goes on with the box may choose it. */
export const password = process.env['BOX_PASSWORD'] ?? 'maple-tram-quiet-window'

/** Name, local part, and the first password if it has to be a certain one. */
export type PersonToAdd = [name: string, local: string, password?: string]

export const heading = (page: Page, text: RegExp) => page.getByRole('heading', { level: 1, name: text }).waitFor()
export const next = (page: Page) => page.getByRole('button', { name: 'Next' }).click()

export interface Walk {
  domain: string
  people: PersonToAdd[]
  /** The last page has to show what to put into DNS. */
  dns?: boolean
  /** Called on each screen, filled in and before it is left. */
  at?: (screen: string) => Promise<void>
}

export async function walk(page: Page, box: Box, w: Walk) {
  const at = w.at ?? (async () => undefined)
  await page.goto(box.url + '/setup#' + box.code)
  await heading(page, /Welcome/)
  await until(() => page.getByLabel(/Code from/).inputValue(), (it) => it.toBe(box.code))
  expect(page.url()).toBe(box.url + '/setup')
  await at('1-code')
  await next(page)

  // A box with a disk of its own asks about encryption first.
  const first = page.getByRole('heading', { level: 1, name: /takes the box|time/ })
  await first.waitFor()
  if (/takes the box/.test((await first.textContent()) ?? '')) {
    await at('1-safe')
    await next(page)
  }
  await heading(page, /time/)
  await until(() => page.getByLabel('Time zone').inputValue(), (it) => it.toBe('Europe/Tirane'))
  await at('2-time')
  await next(page)

  await heading(page, /looks after/)
  await page.getByLabel('Your name').fill('Ana Kola')
  await until(() => page.getByLabel('Your address').inputValue(), (it) => it.toBe('ana.kola'))
  await page.getByLabel('Your address').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill(password)
  await at('3-you')
  await next(page)

  await heading(page, /behind the @/)
  await page.getByLabel('Your domain').fill(w.domain)
  await at('4-domain')
  await next(page)

  await heading(page, /mail reach you/)
  await page.getByText('This is what the box has found.').waitFor()
  await page.getByRole('radio', { name: 'Straight to the box' }).check()
  await at('5-ways')
  await next(page)

  await heading(page, /gets a mailbox/)
  await at('5-people-empty')
  for (const [i, [name, local, first]] of w.people.entries()) {
    await page.getByRole('button', { name: 'Add a person' }).click()
    await page.getByLabel('Name', { exact: true }).nth(i).fill(name)
    if (first === undefined) {
      await until(() => page.getByLabel('Address', { exact: true }).nth(i).inputValue(), (it) => it.toBe(local))
    } else {
      await page.getByLabel('Address', { exact: true }).nth(i).fill(local)
      await page.getByLabel('First password', { exact: true }).nth(i).fill(first)
    }
  }
  await at('5-people')
  await next(page)

  await heading(page, /everything right/)
  await at('6-check')
  await page.getByRole('button', { name: 'Set the box up' }).click()
  await heading(page, /being set up|own mail/)
  if (await page.getByRole('heading', { name: /being set up/ }).isVisible()) await at('7-working')
  await page.getByRole('heading', { level: 1, name: /own mail/ }).waitFor({ timeout: 200_000 })
  // The records for DNS come once whoever did this is signed in; a real box may have none to say.
  if (w.dns) await page.getByText('needed aren’t right yet').waitFor()
  await at('8-done')
}
