// What the browser's tests share: boxes, pages in four forms, axe, screenshots.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { expect, inject, vi, type Assertion } from 'vitest'

export interface Box {
  url: string
  plain: string
  code: string
}

/**
 * Waits until what is read is so, for a minute. vitest's expect.poll gives up after a second, and, where several tests run
 * at once, can't say whose it is as soon as the first of them has ended.
 */
export async function until<T>(read: () => T | Promise<T>, so: (it: Assertion<T>) => void) {
  await vi.waitFor(async () => so(expect(await read())), { timeout: 60_000 })
}

/** True when the tests run against a box that somebody else has started. */
export const realBox = !!process.env['BOX_URL']

export async function newBox(options: { people?: boolean; disk?: 'plain' | 'encrypted' } = {}): Promise<Box> {
  if (realBox) {
    return { url: process.env['BOX_URL']!.replace(/\/$/, ''), plain: process.env['BOX_PLAIN_URL'] ?? '', code: process.env['CLAIM_CODE'] ?? '' }
  }
  const response = await fetch(inject('boxes') + '/new?' + new URLSearchParams({ ...(options.people && { people: '1' }), disk: options.disk ?? '' }).toString(), { method: 'POST' })
  return (await response.json()) as Box
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  })
}

export const forms = {
  'desktop-light': { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  'desktop-dark': { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  'phone-light': { viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true },
  'phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', isMobile: true, hasTouch: true },
} as const
export type Form = keyof typeof forms

export async function open(browser: Browser, form: Form = 'desktop-light', locale = 'en-GB'): Promise<{ page: Page; context: BrowserContext; faults: string[] }> {
  const context = await browser.newContext({ ...forms[form], ignoreHTTPSErrors: true, timezoneId: 'Europe/Tirane', locale, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(realBox ? 90_000 : 30_000)
  // The console speaks up about blocked inline styles, scripts, and mistakes.
  const faults: string[] = []
  page.on('pageerror', (e) => faults.push(String(e)))
  page.on('console', (m) => {
    if (m.type() === 'error' && !/status of 4\d\d|ERR_INTERNET|ERR_CERT|ERR_CONNECTION/.test(m.text())) faults.push(m.text())
  })
  return { page, context, faults }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Fails when axe finds anything. It is put in by the browser's own interface,
 * which the page's content policy doesn't bind. */
export async function expectAccessible(page: Page, where: string) {
  await page.evaluate(axeSource)
  const found = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run(o: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe
    const result = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return result.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html + '\n  ' + n.failureSummary).join('\n'))
  })
  expect(found, where).toEqual([])
}

export const shots = process.env['SCREENSHOTS'] ?? join(import.meta.dirname, '../../../../build/screenshots')
mkdirSync(shots, { recursive: true })

export async function shot(page: Page, name: string) {
  await page.screenshot({ path: join(shots, name + '.png'), fullPage: true, animations: 'disabled' })
}

/** No page may be wider than its screen. */
export async function expectNoSideways(page: Page, where: string) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(over, where + ' scrolls sideways').toBeLessThanOrEqual(0)
}
