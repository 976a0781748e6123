// Who may do what: given by an owner, and what the others see then.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, launch, newBox, open, realBox, shot, type Box, type Form } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

async function signIn(page: Page, box: Box, address: string, password: string, at: string) {
  const answer = await page.request.post(box.url + '/api/session', { data: { address, password } })
  expect(answer.status()).toBe(200)
  await page.goto(box.url + at)
}

const rail = async (page: Page) => (await page.getByRole('navigation').first().getByRole('link').allTextContents()).map((s) => s.trim())

describe.skipIf(realBox)('roles', () => {
  test.each(['desktop-light', 'phone-dark'] as Form[])('an owner gives roles, and each sees what is theirs, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await signIn(page, box, 'admin@example.test', 'a long enough one', '/admin/people/b.person@example.test')
    const panel = page.getByRole('region', { name: 'What this person may do' }).or(page.locator('section', { hasText: 'What this person may do' }))
    await panel.getByLabel('Role').selectOption('help_desk')
    await panel.getByText('Opens no message.').waitFor()
    await panel.getByRole('button', { name: 'Save' }).click()
    await page.getByText('It holds at once.').waitFor()
    await page.goto(box.url + '/admin/people/c.person@example.test')
    await panel.getByLabel('Role').selectOption('domain')
    await panel.getByRole('button', { name: 'Save' }).click()
    await page.getByText('No domain is ticked.').waitFor()
    await panel.getByLabel('example.test').check()
    await expectNoSideways(page, `role ${form}`)
    await expectAccessible(page, `role ${form}`)
    await shot(page, `role-${form}`)
    await panel.getByRole('button', { name: 'Save' }).click()
    await page.getByText('It holds at once.').waitFor()
    await page.goto(box.url + '/admin/people')
    await page.getByText('Help desk', { exact: true }).waitFor()
    await page.getByText('Administrator of some domains', { exact: true }).waitFor()
    await context.close()

    const help = await open(browser, form)
    await signIn(help.page, box, 'b.person@example.test', 'long and new one', '/admin')
    await help.page.getByRole('link', { name: 'Order 4711' }).click()
    await help.page.getByText('452 4.2.2 Over quota').first().waitFor()
    if (form === 'desktop-light') expect((await rail(help.page)).length).toBe(4) // where mail is, what waits, mail programs, their account
    await help.page.goto(box.url + '/admin/waiting')
    await help.page.getByRole('link', { name: 'orders@partner.test' }).click()
    await help.page.getByText('over quota').waitFor()
    expect(await help.page.getByRole('link', { name: 'Take it out' }).count()).toBe(0)
    await expectAccessible(help.page, `help desk ${form}`)
    await shot(help.page, `role-help-desk-${form}`)
    await help.page.goto(box.url + '/admin/people') // not theirs: they are led back to what is
    await help.page.waitForURL(/\/admin\/trace/)
    await help.context.close()

    const some = await open(browser, form)
    await signIn(some.page, box, 'c.person@example.test', 'long and new one', '/admin')
    await some.page.getByRole('link', { name: 'Ben Marku', exact: true }).click()
    await some.page.getByText('Pass it on to').waitFor()
    expect(await some.page.getByText('What this person may do').count()).toBe(0)
    await expectAccessible(some.page, `domain administrator ${form}`)
    await shot(some.page, `role-domain-${form}`)
    await some.page.goto(box.url + '/admin/trace')
    await some.page.getByText('What came for the people of your domains').waitFor()
    await expectNoSideways(some.page, `trace within ${form}`)
    await expectAccessible(some.page, `trace within ${form}`)
    await shot(some.page, `role-domain-trace-${form}`)
    await some.page.getByRole('link', { name: 'Order 4711' }).click()
    await some.page.getByRole('button', { name: 'Try now' }).waitFor()
    expect(await some.page.getByRole('link', { name: 'Open' }).count()).toBe(0) // what waits is not their page
    await some.page.goto(box.url + '/admin/trace?q=won')
    await some.page.getByRole('link', { name: 'You have won' }).click()
    await some.page.getByText('In the mail of ben.person@example.test').waitFor()
    await some.page.getByText('It was gone at imap.old.test').waitFor()
    await some.page.getByText('As everything was at that time').waitFor()
    await expectNoSideways(some.page, `trace of another ${form}`)
    await shot(some.page, `role-domain-traced-${form}`)
    await some.context.close()
    expect(faults).toEqual([])
  })

  test('a browser that was left open is asked once more, and goes on', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, 'desktop-light')
    await signIn(page, box, 'admin@example.test', 'a long enough one', '/admin/people/b.person@example.test')
    // As after ten minutes: the box's own test turns its clock, this one has it say so once.
    let unsure = true
    await page.route('**/password-link', (route) => unsure
      ? route.fulfill({ status: 403, json: { field: 'confirm', message: 'The box wants to be sure that this is you.', what_to_do: 'Type your password once more.' } })
      : route.continue())
    const make = page.getByRole('button', { name: 'Make a link' })
    await make.click()
    const dialog = page.getByRole('dialog', { name: 'Is it you?' })
    await dialog.waitFor()
    await expectAccessible(page, 'sure')
    await shot(page, 'sure-desktop-light')
    await page.keyboard.press('Escape')
    await page.getByText('The box wants to be sure that this is you.').waitFor()
    await make.click()
    await dialog.getByLabel('Your password').fill('wrong')
    await page.keyboard.press('Enter')
    await dialog.getByText('This is not your present password.').waitFor()
    unsure = false
    await dialog.getByLabel('Your password').fill('a long enough one')
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'hidden' })
    await page.getByText('/reset#').waitFor()
    expect(faults.filter((f) => !f.includes('403'))).toEqual([])
    await context.close()
  })
})

describe.skipIf(realBox)('people as a table', () => {
  test.each(['desktop-light', 'phone-dark'] as Form[])('a list is looked at, added, and saved again, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await signIn(page, box, 'admin@example.test', 'a long enough one', '/admin/people')
    await page.getByRole('link', { name: 'Add several' }).click()
    await page.getByLabel('The list').fill('Name;E-mail;Password\nNora Berg;nora@example.test;\nOmar Haddad;omar@example.test;short\nPia Lund;pia@elsewhere.test;\nAlice;alice@example.test;\nQuin Ray;quin;\n')
    await page.getByText('There is somebody with this address.').waitFor()
    await page.getByText('elsewhere.test is not a domain of this office.').waitFor()
    await expectNoSideways(page, `import ${form}`)
    await expectAccessible(page, `import ${form}`)
    await shot(page, `people-import-${form}`)
    await page.getByRole('button', { name: 'Add 2 people' }).click()
    await page.getByText('2 of 2 people were added.').waitFor()
    await expectAccessible(page, `imported ${form}`)
    await shot(page, `people-imported-${form}`)
    const password = await page.getByRole('row', { name: /Nora Berg/ }).getByRole('cell').nth(1).textContent()
    expect((await page.request.post(box.url + '/api/session', { data: { address: 'nora@example.test', password } })).status()).toBe(200)
    await signIn(page, box, 'admin@example.test', 'a long enough one', '/admin/people')
    const file = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Save as a table' }).click()
    expect((await file).suggestedFilename()).toBe('people.csv')
    expect(faults).toEqual([])
    await context.close()
  })
})
