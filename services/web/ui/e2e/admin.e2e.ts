// The pages of whoever runs the box, with an office that has something to show on each.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSideways, forms, launch, newBox, open, realBox, shot, shots, until, type Box, type Form } from './browser'
import { heading } from './walk'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

/** Opens a page as the administrator. */
async function signIn(page: Page, box: Box, at: string) {
  const answer = await page.request.post(box.url + '/api/session', { data: { address: 'admin@example.test', password: 'a long enough one' } })
  expect(answer.status()).toBe(200)
  await page.goto(box.url + at)
}

/** States of a page, or dialogs on it: seen in two forms, the pages themselves in all four. */
const states = ['trace-none', 'waiting-drop', 'waiting-none', 'addresses-edit', 'box-restart', 'collect-add', 'rules-add', 'deleted-nobody']

/** The pages, each with what shows that it is there. One without an address follows from the page before. */
const pages: [name: string, at: string, ready: (page: Page) => Promise<unknown>][] = [
  ['overview', '/admin', async (page) => {
    await page.getByText('is damaged').waitFor()
    await page.getByText('2 DNS records of your domain are missing or wrong.').first().waitFor()
    await page.getByText('One server doesn’t answer').waitFor()
  }],
  ['waiting', '/admin/waiting', async (page) => {
    await page.getByRole('link', { name: 'orders@partner.test' }).waitFor()
    await page.getByText('Prices stay inside').waitFor()
    await page.getByText('a-silent-server.test doesn’t answer').waitFor()
  }],
  ['waiting-message', '', async (page) => {
    await page.getByRole('link', { name: 'orders@partner.test' }).click()
    await page.getByText('over quota').waitFor()
  }],
  ['waiting-drop', '', async (page) => {
    await page.getByRole('link', { name: 'Take it out' }).click()
    await page.getByRole('dialog').waitFor()
  }],
  ['waiting-none', '/admin/waiting?q=nobody', (page) => page.getByText('No waiting message is like that.').waitFor()],
  ['trace', '/admin/trace', (page) => page.getByRole('link', { name: 'Offer for the roof', exact: true }).waitFor()],
  ['trace-message', '', async (page) => {
    await page.getByRole('link', { name: 'Order 4711' }).click()
    await page.getByText('452 4.2.2 Over quota').first().waitFor()
    await page.getByText('All that is known of this step').last().click()
  }],
  ['trace-none', '/admin/trace?q=nobodyatall', (page) => page.getByText('No message is like that.').waitFor()],
  ['dns', '/admin/dns', async (page) => {
    await page.getByText('2 records that are needed aren’t right yet.').waitFor()
    await page.getByText('10 mx.provider.test').waitFor()
    await page.getByText('The box signs').waitFor()
    await page.locator('input[type=file]').setInputFiles({ name: 'far.test!example.test.xml', mimeType: 'text/xml', buffer: Buffer.from(aboutUs) })
    await page.getByText('40 yours, 0 not').waitFor()
    await page.getByText('Far Mail: example.test').waitFor()
  }],
  ['person', '/admin/people/alice@example.test', async (page) => {
    await page.getByText('Where they can sign in').waitFor()
    await page.getByRole('link', { name: 'a.kola@example.test' }).waitFor()
    await page.getByLabel('Pass it on to').waitFor()
  }],
  ['addresses', '/admin/addresses', (page) => page.getByRole('rowheader', { name: 'team@example.test' }).waitFor()],
  ['addresses-edit', '/admin/addresses/team@example.test/edit', (page) => page.getByLabel('Who may send to it').waitFor()],
  ['box', '/admin/box', async (page) => {
    await page.getByRole('link', { name: 'Go back to 1.2.2' }).waitFor()
    await page.getByLabel('Where they come from').waitFor()
  }],
  ['changes', '/admin/box/changes', async (page) => {
    await page.getByText('accounts/dora.leka@example.test').waitFor()
    await page.getByText('What was said with it').first().click()
  }],
  ['box-tokens', '/admin/box/tokens', async (page) => {
    await page.getByLabel('Name').fill('nightly backup')
    await page.getByLabel('where messages are').check()
    await page.getByRole('button', { name: 'Make it' }).click()
    await page.getByText(/^sanduk_/).waitFor()
    await page.getByRole('heading', { name: 'nightly backup' }).waitFor()
    await page.getByText('where messages are (looking only)').waitFor()
  }],
  ['box-restart', '/admin/box/restart', (page) => page.getByText('Restart the box?').waitFor()],
  ['box-network', '/admin/box/network', (page) => page.getByRole('button', { name: 'Try for 90 seconds' }).waitFor()],
  ['box-admission', '/admin/box/admission', async (page) => {
    await page.getByLabel('Mailboxes (IMAP)').selectOption('all')
    await page.getByText('The whole world may try passwords then').waitFor()
  }],
  ['box-certificates', '/admin/box/certificates', async (page) => {
    await page.getByText('It ends on').waitFor()
    await page.getByText('the box waits for it').waitFor()
  }],
  ['box-watch', '/admin/box/watch', (page) => page.getByRole('link', { name: 'Make and download it' }).waitFor()],
  ['collect', '/admin/flow', (page) => page.getByRole('heading', { name: 'info@oldhost.test' }).waitFor()],
  ['collect-add', '/admin/flow/add', (page) => page.getByRole('button', { name: 'Try it' }).waitFor()],
  ['routes', '/admin/flow/out', (page) => page.getByText('Goes by relay.provider.test').waitFor()],
  ['rules', '/admin/flow/rules', (page) => page.getByRole('heading', { name: 'Prices stay inside' }).waitFor()],
  ['rules-add', '/admin/flow/rules/add', (page) => page.getByLabel('Words or phrases').waitFor()],
  ['guards', '/admin/flow/guards', (page) => page.getByText('It is silent').waitFor()],
  ['spare', '/admin/flow/spare', (page) => page.getByText('2 people there').waitFor()],
  ['deleted-nobody', '/admin/deleted', (page) => page.getByText('Choose whose mail it is about').waitFor()],
  ['deleted', '/admin/deleted?who=alice@example.test', (page) => page.getByRole('rowheader', { name: 'Invoice 2026-118' }).waitFor()],
  ['deleted-folders', '/admin/deleted/folders?who=alice@example.test', (page) => page.getByRole('rowheader', { name: 'Projects/2025' }).waitFor()],
  ['deleted-time', '/admin/deleted/time?who=alice@example.test', (page) => page.getByLabel('As it was at').waitFor()],
  ['deleted-people', '/admin/deleted/people', (page) => page.getByRole('rowheader', { name: 'Dora Leka' }).waitFor()],
]

/** A report of mail in the office's name: most is its own, some from a stranger. */
const aboutUs = `<feedback><report_metadata><org_name>Far Mail</org_name><report_id>7</report_id><date_range><begin>1795305600</begin><end>1795391999</end></date_range></report_metadata>
<policy_published><domain>example.test</domain><p>quarantine</p></policy_published>${[['192.0.2.20', 40, 'none', 'pass'], ['198.51.100.9', 7, 'quarantine', 'fail']].map(([ip, n, done, dkim]) => `<record><row><source_ip>${ip}</source_ip><count>${n}</count><policy_evaluated><disposition>${done}</disposition><dkim>${dkim}</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.test</header_from></identifiers></record>`).join('')}</feedback>`

describe.skipIf(realBox)('the box at work', () => {
  // Side by side: most of the time goes into waiting for the browser's drawing.
  test.concurrent.each(Object.keys(forms) as Form[])('every page of the administrator in %s: no violations, nothing cut off', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await signIn(page, box, '/me')
    for (const [name, at, ready] of pages) {
      const closely = form === 'desktop-light' || form === 'phone-dark' // both layouts, both sets of colours
      if (!closely && states.includes(name)) continue
      if (at) await page.goto(box.url + at)
      await ready(page)
      await expectNoSideways(page, `${name} ${form}`)
      if (closely) await expectAccessible(page, `${name} ${form}`)
      await shot(page, `${name}-${form}`)
    }
    if (form.startsWith('phone')) {
      await page.getByRole('button', { name: 'More' }).click()
      await page.getByRole('link', { name: 'Mail programs' }).waitFor()
      await expectAccessible(page, `more ${form}`)
      await page.screenshot({ path: `${shots}/more-${form}.png` }) // what stands on the screen, not the whole page
      await page.keyboard.press('Escape')
      await page.getByRole('link', { name: 'Mail programs' }).waitFor({ state: 'hidden' })
    }
    expect(faults).toEqual([])
    await context.close()
  })

  test('a message is found by words, its steps are read, and it is tried again', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/trace')
    await page.getByRole('link', { name: 'You have won' }).waitFor()
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.getByRole('link', { name: 'Letter number 59' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('2027')
    await page.getByRole('link', { name: 'You have won' }).waitFor({ state: 'detached' })
    expect(page.url()).toContain('q=2027')
    await page.getByRole('link', { name: 'Çmimet e reja për vitin 2027' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('The other server refused it for good').waitFor()
    await page.getByText('550 5.1.1 No such user here').first().waitFor()
    await page.getByRole('link', { name: 'Find a message' }).first().click()
    await page.getByRole('link', { name: 'No message came' }).click()
    await page.getByText('sales@lists.test wanted to write to nobody@example.test').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('what a message needs is done where its steps say so', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/trace')
    // Held by a rule: it is let go, and the steps say who did.
    await page.getByRole('link', { name: 'Prices of 2027' }).click()
    await page.getByText('It waits for your decision').waitFor()
    await expectAccessible(page, 'a held message')
    await shot(page, 'trace-held-desktop-light')
    await page.getByRole('button', { name: 'Let it go' }).click()
    await page.getByText('Somebody let it go').waitFor()
    await page.getByText('By admin@example.test.').waitFor()
    await page.getByRole('button', { name: 'Let it go' }).waitFor({ state: 'detached' })
    // Deleted by POP3: it is put back, once.
    await page.getByRole('link', { name: 'Find a message' }).first().click()
    await page.getByRole('link', { name: 'Invoice 2026-118' }).click()
    await page.getByText('By alice@example.test (Thunderbird 140), from 192.168.1.31.').waitFor()
    await page.getByText('By alice@example.test (POP3): from “INBOX”.').waitFor()
    await expectAccessible(page, 'a deleted message')
    await shot(page, 'trace-deleted-desktop-light')
    await page.getByRole('button', { name: 'Put back' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('Into the mail of alice@example.test, by admin@example.test.').waitFor()
    await page.getByRole('button', { name: 'Put back' }).waitFor({ state: 'detached' })
    await shot(page, 'trace-back-desktop-light')
    // Returned: nothing is left to be done, and no button says that there were.
    await page.getByRole('link', { name: 'Find a message' }).first().click()
    await page.getByRole('link', { name: 'Çmimet e reja për vitin 2027' }).click()
    await page.getByText('The other server refused it for good').waitFor()
    expect(await page.getByRole('button', { name: /Try now|Let it go|Put back/ }).count()).toBe(0)
    const phone = await open(browser, 'phone-dark')
    await signIn(phone.page, box, '/admin/trace?q=invoice')
    await phone.page.getByRole('link', { name: 'Invoice 2026-118' }).click()
    await phone.page.getByText('It was put back').waitFor()
    await expectNoSideways(phone.page, 'a message on the phone')
    await shot(phone.page, 'trace-back-phone-dark')
    await phone.context.close()
    expect(faults).toEqual([])
    await context.close()
  })

  test('the overview leads to what needs somebody', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin')
    await heading(page, /^Overview$/)
    await page.getByText('4 things need you').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'pop.oldhost.test: The server does not take the password.' }).first().waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('waiting mail is tried, held, sent elsewhere and taken out, by keyboard too', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/waiting')
    await page.getByRole('link', { name: 'orders@partner.test' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('orders')
    await page.getByRole('link', { name: /a-silent-server/ }).waitFor({ state: 'detached' })
    expect(page.url()).toContain('q=orders')
    await page.getByRole('link', { name: 'orders@partner.test' }).focus()
    await page.keyboard.press('Enter')
    await heading(page, /Message from alice@example.test/)
    await page.getByRole('button', { name: 'Try now' }).click()
    await page.getByText('452 4.2.2 Still over quota').waitFor()
    await page.getByRole('button', { name: 'Hold back' }).click()
    await page.getByRole('alert').getByText('It is held back.').waitFor()
    await page.getByRole('button', { name: 'Let it go' }).click()
    await page.getByRole('alert').getByText('It is on its way again.').waitFor()
    await page.getByRole('link', { name: 'Send to another address' }).click()
    await page.getByRole('button', { name: 'Send it there' }).click()
    await page.getByText('This is not a whole address.').waitFor()
    await page.getByLabel('New address').fill('sales@partner.test')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'sales@partner.test' }).waitFor()
    await page.getByRole('link', { name: 'Take it out' }).click()
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'Take it out' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Take it out' }).click()
    await heading(page, /^Waiting mail$/)
    await page.getByRole('link', { name: /a-silent-server/ }).waitFor()
    expect(await page.getByRole('link', { name: 'sales@partner.test' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Let it go' }).click()
    await page.getByText('For you to decide').waitFor({ state: 'detached' })
    await page.goto(box.url + '/admin/waiting/nothing')
    await heading(page, /doesn’t wait any more/)
    expect(faults).toEqual([])
    await context.close()
  })

  test('a network that works is kept by itself; who may connect and certificates are set', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await page.clock.install()
    await signIn(page, box, '/admin/box/network')
    await page.getByLabel('How the box gets its address').selectOption('static')
    await page.getByRole('button', { name: 'Try for 90 seconds' }).click()
    await page.getByText('This is not an address with the size of its network.').waitFor()
    await page.getByLabel('Address and size of the network').fill('192.168.1.20/24')
    await page.getByRole('button', { name: 'Try for 90 seconds' }).click()
    await page.getByText('Open this page at the new address').waitFor() // this one is at 127.0.0.1
    await page.goto(box.url + '/admin')
    await page.request.post(box.url + '/api/network/keep')
    await page.goto(box.url + '/admin/box/network')
    await page.getByLabel('How the box gets its address').selectOption('dhcp')
    await page.getByLabel('DNS servers').fill('192.168.1.1, 9.9.9.9')
    const asked = page.waitForRequest((r) => r.method() === 'PUT' && r.url().endsWith('/api/network'))
    await page.getByRole('button', { name: 'Try for 90 seconds' }).click()
    expect((await asked).postDataJSON()).toEqual({ network: { mode: 'dhcp', ntp: ['time.example.test'], dns: ['192.168.1.1', '9.9.9.9'] } })
    await page.getByText('Reaching the box by the new settings').waitFor()
    await page.clock.runFor(15_000)
    await page.getByText('the new settings stay').waitFor()
    await page.getByRole('link', { name: 'Who may connect' }).click()
    await page.getByLabel('Mailboxes (IMAP)').selectOption('some')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('No network stands here.').waitFor()
    await page.getByLabel('Networks that may open mailboxes').fill('203.0.113.0/24')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('It holds from now on.').waitFor()
    const kept = await (await page.request.get(box.url + '/api/admission')).json()
    expect(kept.doors).toEqual({ imap: ['203.0.113.0/24'], pop3: [], submission: [] })
    await page.getByRole('link', { name: 'Certificates' }).click()
    await page.getByRole('button', { name: 'Show the box’s own again' }).click()
    await page.getByText('The box shows its own certificate.').waitFor()
    await page.getByLabel('Certificate with its chain').fill('-----BEGIN CERTIFICATE-----')
    await page.getByRole('button', { name: 'Check and use it' }).click()
    await page.getByText('There is no private key in this file.').waitFor()
    await page.getByLabel('Its key').fill('-----BEGIN PRIVATE KEY-----')
    await page.getByRole('button', { name: 'Check and use it' }).click()
    await page.getByRole('heading', { name: 'From elsewhere', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Get none any more' }).click()
    await page.getByRole('button', { name: 'Get a certificate' }).click()
    await page.getByText('Authorities issue nothing').waitFor()
    await page.getByLabel('How the box proves its name').selectOption('dns-01')
    await page.getByLabel('I agree to the authority’s terms').check()
    await page.getByRole('button', { name: 'Get a certificate' }).click()
    await page.getByText('_acme-challenge.mail.example.test').waitFor()
    await page.getByRole('link', { name: 'Watching & help' }).click()
    await page.getByRole('button', { name: 'New token' }).click()
    await page.getByText('The token, shown this once').waitFor()
    await page.getByLabel('How it goes there').selectOption('none')
    await page.locator('form').filter({ hasText: 'How it goes there' }).getByRole('button', { name: 'Save' }).click()
    await page.getByText('lines since the start').waitFor({ state: 'detached' })
    expect(faults).toEqual([])
    await context.close()
  })

  test('records are copied, and checked again until they are right', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: box.url })
    await signIn(page, box, '/admin/dns')
    await page.getByText('2 records that are needed aren’t right yet.').waitFor()
    await page.getByRole('button', { name: 'Copy: Value example.test' }).click()
    await until(() => page.evaluate(() => navigator.clipboard.readText()), (it) => it.toBe('10 mail.example.test'))
    // The world sees what was published a little later.
    await until(async () => {
      await page.getByRole('button', { name: 'Check again' }).click()
      return page.getByText('Everything that is needed is published.').waitFor({ timeout: 1000 }).then(() => true, () => false)
    }, (it) => it.toBe(true))
    await page.getByRole('button', { name: 'Let the provider sign' }).click()
    await page.getByText('The provider signs').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test.each(['desktop-light', 'desktop-dark', 'phone-light', 'phone-dark'] as Form[])('reports of others are read, of mail and of its way, in %s', async (form) => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, form)
    await signIn(page, box, '/admin/dns')
    const row = (ip: string, count: number, dkim: string) => `<record><row><source_ip>${ip}</source_ip><count>${count}</count><policy_evaluated><disposition>none</disposition><dkim>${dkim}</dkim><spf>fail</spf></policy_evaluated></row></record>`
    const dmarc = `<feedback><report_metadata><org_name>Far Mail</org_name><report_id>1</report_id><date_range><begin>1795305600</begin><end>1795391999</end></date_range></report_metadata><policy_published><domain>example.test</domain><p>none</p></policy_published>${row('192.0.2.20', 40, 'pass')}${row('198.51.100.9', 3, 'fail')}</feedback>`
    const failed = (result: string, server: string, count: number) => ({ 'result-type': result, 'receiving-mx-hostname': server, 'failed-session-count': count })
    const tls = {
      'organization-name': 'Far Mail', 'date-range': { 'start-datetime': '2026-11-22T00:00:00Z', 'end-datetime': '2026-11-22T23:59:59Z' }, 'contact-info': 'r@far.test', 'report-id': '1t',
      policies: [{
        policy: { 'policy-type': 'sts', 'policy-string': ['version: STSv1'], 'policy-domain': 'example.test', 'mx-host': ['mail.example.test'] },
        summary: { 'total-successful-session-count': 212, 'total-failure-session-count': 9 },
        'failure-details': [failed('certificate-expired', 'mail.example.test', 6), failed('starttls-not-supported', 'spare.with-a-rather-long-name.example.test', 2), failed('some-new-kind', '', 1)],
      }],
    }
    const choose = page.locator('input[type=file][multiple]')
    const text = (name: string, type: string, body: string) => ({ name, mimeType: type, buffer: Buffer.from(body) })
    await choose.setInputFiles([text('a.xml', 'text/xml', dmarc), text('b.json', 'application/json', JSON.stringify(tls))])
    await page.getByText('Some mail in your name doesn’t show that it is yours.').waitFor()
    await page.getByText('The certificate had expired').waitFor()
    await page.getByText('some-new-kind').waitFor()
    await expectNoSideways(page, `reports ${form}`)
    await expectAccessible(page, `reports ${form}`)
    await page.getByRole('heading', { name: 'What others say about mail in your name' }).scrollIntoViewIfNeeded()
    await shot(page, `reports-${form}`)
    await choose.setInputFiles([text('c.json', 'application/json', '{}')])
    await page.getByText('c.json: This is no report that can be read.').waitFor()
    expect(faults.filter((f) => !f.includes('400'))).toEqual([])
    await context.close()
  })

  test('what was deleted comes back: messages, folders, a time, people', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/deleted')
    await page.getByLabel('Whose mail?').selectOption('alice@example.test')
    await page.getByRole('checkbox', { name: 'Mark: Offer for the roof' }).check()
    await page.getByRole('button', { name: 'Put one back' }).click()
    await page.getByRole('alert').getByText('One message is back where it was.').waitFor()
    await page.getByRole('rowheader', { name: 'Offer for the roof' }).waitFor({ state: 'detached' })
    await page.getByRole('searchbox').fill('lunch')
    await page.getByRole('rowheader', { name: 'Invoice 2026-118' }).waitFor({ state: 'detached' })
    await page.getByRole('searchbox').fill('')
    await page.getByRole('rowheader', { name: 'Invoice 2026-118' }).waitFor()
    await page.getByRole('checkbox', { name: 'Mark all that are shown' }).check()
    await page.getByRole('button', { name: 'Put 2 back' }).click()
    await page.getByText('Nothing was deleted').waitFor()
    await page.getByRole('link', { name: 'Folders' }).click()
    await page.getByRole('button', { name: 'Put back Projects/2025' }).click()
    await page.getByRole('alert').getByText('“Projects/2025” is back').waitFor()
    await page.getByText('No folder was deleted').waitFor()
    await page.getByRole('link', { name: 'As it was' }).click()
    await page.getByLabel('As it was at').fill('2020-01-01T12:00')
    await page.getByRole('button', { name: 'Bring it back' }).click()
    await page.getByRole('button', { name: 'Another time' }).waitFor()
    await page.getByRole('link', { name: 'People', exact: true }).last().click()
    await page.getByRole('link', { name: 'Bring back Dora Leka' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Bring back' }).click()
    await page.getByText('The password of before can’t be used any more.').or(page.getByText('The password of before can\'t be used any more.')).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Make another password' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Bring back' }).click()
    await page.getByRole('alert').getByText('Dora Leka is back.').waitFor()
    await page.getByText('Nobody was removed').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('a person’s space, rules and addresses', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/people')
    await page.getByRole('link', { name: 'Alice', exact: true }).click()
    await heading(page, /^Alice$/)
    const panel = (title: string) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) })
    await panel('Space').getByLabel('At most').fill('lots')
    await panel('Space').getByRole('button', { name: 'Save' }).click()
    await page.getByText('This is not a size.').waitFor()
    await panel('Space').getByLabel('At most').fill('2,5')
    await panel('Space').getByRole('button', { name: 'Save' }).click()
    await page.getByText('They may take up 2.5 GB.').waitFor()
    await panel('Their mail').getByLabel('Pass it on to').fill('alice elsewhere')
    await panel('Their mail').getByRole('button', { name: 'Save' }).click()
    await page.getByText('“alice” is not a whole address.').waitFor()
    await panel('Their mail').getByLabel('Pass it on to').fill('alice@elsewhere.test')
    await panel('Their mail').getByLabel('Keep it here as well').uncheck()
    await panel('Their mail').getByLabel('Only mail within the office').check()
    await panel('Their mail').getByRole('button', { name: 'Save' }).click()
    await panel('Their mail').getByText('Saved').waitFor()
    await page.reload()
    await until(() => panel('Their mail').getByLabel('Pass it on to').inputValue(), (it) => it.toBe('alice@elsewhere.test'))
    expect(await panel('Their mail').getByLabel('Keep it here as well').isChecked()).toBe(false)
    expect(await panel('Their mail').getByLabel('Only mail within the office').isChecked()).toBe(true)

    await page.getByRole('link', { name: 'Add an address' }).click()
    await page.getByRole('dialog').getByLabel('Address').fill('offers')
    await page.getByLabel('Kind').selectOption('Shared address')
    await page.getByLabel('For').fill('alice@example.test\nnobody@example.test')
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('Nobody here has the address nobody@example.test.').waitFor()
    await page.getByLabel('For').fill('alice@example.test; b.person@example.test')
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('alert').getByText('offers@example.test is set.').waitFor()
    await page.getByRole('rowheader', { name: 'offers@example.test' }).waitFor()
    await page.getByRole('link', { name: 'Remove offers@example.test' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('rowheader', { name: 'offers@example.test' }).waitFor({ state: 'detached' })
    expect(faults).toEqual([])
    await context.close()
  })

  test('somebody who has left is let in no more, and then again', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/people/c.person@example.test')
    await page.getByRole('button', { name: 'Disable', exact: true }).click()
    await page.getByText('Nobody can log in as this person.').waitFor()
    await page.getByText('Nobody can log in any more.').waitFor()
    await expectAccessible(page, 'disabled')
    await shot(page, 'person-disabled')
    await page.getByRole('link', { name: 'People' }).first().click()
    await page.getByText('Disabled', { exact: true }).waitFor()
    await page.goto(box.url + '/admin/people/c.person@example.test')
    await page.getByRole('button', { name: 'Let in again' }).click()
    await page.getByText('They can log in again.').waitFor()
    await page.getByRole('button', { name: 'Disable', exact: true }).waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('a link by which somebody chooses a password', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, 'phone-light')
    await signIn(page, box, '/admin/people/d.person@example.test')
    await page.getByRole('button', { name: 'Make a link' }).click()
    const link = (await page.locator('code.break').textContent())!
    expect(link).toMatch(/\/reset#[a-z0-9-]+\/d\.person@example\.test$/)
    await expectAccessible(page, 'link')
    const theirs = await open(browser, 'phone-dark')
    await theirs.page.goto(link)
    await theirs.page.getByRole('heading', { level: 1, name: 'Choose your password' }).waitFor()
    expect(theirs.page.url()).toBe(box.url + '/reset')
    await theirs.page.getByLabel('New password', { exact: true }).fill('short')
    await theirs.page.getByRole('button', { name: 'Set the password' }).click()
    await theirs.page.locator('[aria-invalid]').waitFor()
    await expectAccessible(theirs.page, 'by link')
    await shot(theirs.page, 'password-link')
    await theirs.page.getByLabel('New password', { exact: true }).fill('window-tram-quiet-maple')
    await theirs.page.getByRole('button', { name: 'Set the password' }).click()
    await theirs.page.getByText('Now set up your mail program with it.').waitFor()
    await theirs.page.goto('about:blank')
    await theirs.page.goto(link)
    await theirs.page.getByLabel('New password', { exact: true }).fill('window-tram-quiet-maple-2')
    await theirs.page.getByRole('button', { name: 'Set the password' }).click()
    await theirs.page.getByText('This link has been used, or its day is over.').waitFor()
    expect([...faults, ...theirs.faults]).toEqual([])
    await theirs.context.close()
    await context.close()
  })

  test('an update is judged, installed, and begun with a restart', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/box')
    const choose = page.getByLabel('Choose the file')
    await choose.setInputFiles({ name: 'x.update', mimeType: 'application/octet-stream', buffer: Buffer.from('bad') })
    await page.getByRole('alert').getByText('nobody whom it trusts has signed it').waitFor()
    await choose.setInputFiles({ name: 'x.update', mimeType: 'application/octet-stream', buffer: Buffer.alloc(3_000_000, 'u') })
    await page.getByText('Version 1.3.0 is installed.').waitFor()
    await page.getByRole('link', { name: 'Restart' }).first().click()
    await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click()
    await heading(page, /^The box restarts$/)
    await page.goto(box.url + '/admin/box/off')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await until(() => new URL(page.url()).pathname, (it) => it.toBe('/admin/box'))
    expect(faults).toEqual([])
    await context.close()
  })

  test('mail is fetched from one more mailbox, and goes another way', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser)
    await signIn(page, box, '/admin/flow')
    await page.getByRole('link', { name: 'Add a mailbox' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    await dialog.getByText('This is missing.').first().waitFor()
    await dialog.getByLabel('Server').fill('imap.new.test')
    await dialog.getByLabel('User name there').fill('sales@new.test')
    await dialog.getByLabel('Password', { exact: true }).fill('wrong')
    await dialog.getByLabel('Into').fill('alice@example.test')
    await dialog.getByRole('button', { name: 'Try it' }).click()
    await dialog.getByText('The server does not take the password.').waitFor()
    await dialog.getByLabel('Password', { exact: true }).fill('right')
    await dialog.getByRole('button', { name: 'Try it' }).click()
    await dialog.getByText('It works. 12 messages are there.').waitFor()
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('heading', { name: 'sales@new.test' }).waitFor()
    await page.getByRole('button', { name: 'Pause sales@new.test' }).click()
    await page.getByRole('button', { name: 'Go on sales@new.test' }).waitFor()
    await page.getByRole('link', { name: 'Remove sales@new.test' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('heading', { name: 'sales@new.test', exact: true }).waitFor({ state: 'detached' })

    await page.getByRole('link', { name: 'Going out' }).click()
    await page.getByRole('link', { name: 'Add a way' }).click()
    await dialog.getByLabel('Domain of the recipients').fill('bank.test')
    await dialog.getByLabel('Server').fill('relay.bank.test')
    await dialog.getByRole('button', { name: 'Try it' }).click()
    await dialog.getByText('p.test does not answer.').waitFor()
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('heading', { name: 'Mail to bank.test' }).waitFor()
    await page.getByRole('link', { name: 'Remove bank.test' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('heading', { name: 'Mail to bank.test' }).waitFor({ state: 'detached' })
    expect(faults).toEqual([])
    await context.close()
  })

  test('a rule on contents is written, tried on past mail, and removed', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, 'desktop-light')
    await signIn(page, box, '/admin/flow/rules')
    await page.getByRole('link', { name: 'Add a rule' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByText('The rule has no name.').waitFor()
    await dialog.getByText('The rule looks for nothing.').waitFor()
    await dialog.getByLabel('Name', { exact: true }).fill('Plans stay inside')
    await dialog.getByText('More').click()
    await dialog.getByLabel('Pattern').fill('plan (')
    await dialog.getByRole('button', { name: 'Save' }).click()
    const told = dialog.getByText('Rule “Plans stay inside”: the pattern')
    await told.waitFor()
    await until(() => told.evaluate((e) => e.getBoundingClientRect().top >= e.closest('dialog')!.getBoundingClientRect().top), (it) => it.toBe(true))
    await expectAccessible(page, 'rule refused')
    await shot(page, 'rules-refused-desktop-light')
    await dialog.getByLabel('Pattern').fill('')
    await dialog.getByLabel('Words or phrases').fill('secret plan')
    await dialog.getByLabel('What is done').selectOption('refuse')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Plans stay inside' }).waitFor()
    await page.getByText('Refuses such mail, and says why. For mail that goes out.').waitFor()
    await page.getByRole('link', { name: 'Try it Plans stay inside' }).click()
    await dialog.getByRole('button', { name: 'Look' }).click()
    await dialog.getByText('It would have met 200 messages.').waitFor()
    await expectAccessible(page, 'rule tried')
    await shot(page, 'rules-tried-desktop-light')
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Remove Plans stay inside' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('The rule is removed.').waitFor()
    expect(await page.getByRole('heading', { name: 'Plans stay inside' }).count()).toBe(0)
    expect(faults).toEqual([])
    await context.close()
  })

  test('a list of bad senders is tried before it counts; a spare domain comes and goes', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, 'phone-light')
    await signIn(page, box, '/admin/flow/guards')
    await page.getByLabel('List', { exact: true }).fill('over.test')
    await page.getByRole('button', { name: 'Ask it' }).click()
    await page.getByText('This list doesn’t work. It has ended').waitFor()
    await page.getByLabel('List', { exact: true }).fill('a.test')
    await page.getByRole('button', { name: 'Ask it' }).click()
    await page.getByText('a.test is asked from now on.').waitFor()
    await page.goto(box.url + '/admin/flow/spare')
    await page.getByLabel('Domain').fill('partner.test')
    await page.getByRole('button', { name: 'Add the domain' }).click()
    await page.getByText('everybody there').waitFor()
    await page.getByRole('button', { name: 'Remove sister.test' }).click()
    await page.getByText('The box takes no more mail for sister.test.').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('people put their own mail back', async () => {
    const box = await newBox({ people: true })
    const { page, context, faults } = await open(browser, 'phone-light')
    const answer = await page.request.post(box.url + '/api/session', { data: { address: 'alice@example.test', password: 'her long password' } })
    expect(answer.status()).toBe(200)
    await page.goto(box.url + '/me')
    await page.getByRole('link', { name: 'Look at deleted mail' }).click()
    await page.getByRole('checkbox', { name: 'Mark: Lunch on Friday?' }).check()
    await expectNoSideways(page, 'me-deleted')
    await expectAccessible(page, 'me-deleted')
    await shot(page, 'me-deleted-phone-light')
    await page.getByRole('button', { name: 'Put one back' }).click()
    await page.getByRole('alert').getByText('One message is back where it was.').waitFor()
    await page.getByRole('link', { name: 'Folders' }).click()
    await page.getByRole('rowheader', { name: 'Projects/2025' }).waitFor()
    await page.reload()
    await page.getByRole('rowheader', { name: 'Projects/2025' }).waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
