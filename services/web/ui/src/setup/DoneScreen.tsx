import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Status } from '../api'
import { ConnectGuide, TrustBox, useConnect } from '../connect/Connect'
import { Icon, Mark } from '../parts/Icon'
import { Note, Title } from '../parts/parts'
import { count, t } from '../texts'
import { adminPassword, domain, draft, outcome, passwordsSent, setupDocument } from './state'

/** Screen 10: what to do now. */
export function DoneScreen({ status }: { status: Status }) {
  const connect = useConnect(outcome.value)
  const [sheets, setSheets] = useState(false)
  // First passwords are only known to the page that has sent them.
  const others = outcome.value !== undefined && draft.value.people.length > 0
  const fresh = others && passwordsSent.value
  // The records are of those pages that are fetched later.
  const [Dns, setDns] = useState<{ part: ComponentType }>()
  const published = passwordsSent.value && adminPassword.value !== '' && !domain.value.endsWith('.internal')
  useEffect(() => {
    if (published) void import('./DoneDns').then((m) => setDns({ part: m.default }), () => undefined)
  }, [published])
  const print = (which: 'page' | 'sheets') => {
    setSheets(which === 'sheets')
    document.documentElement.dataset['print'] = which
    requestAnimationFrame(() => window.print())
  }
  return (
    <>
      <div class="done-badge"><Icon name="good" size={40} /></div>
      <Title lead={t('done.lead', { host: status.hostname || outcome.value?.server || '' })}>{t('done.title')}</Title>
      {fresh && (
        <section class="panel no-print">
          <h2>{t('sheets.title')}</h2>
          <p>{count('sheets.text', draft.value.people.length)}</p>
          <div class="row-actions">
            <button type="button" class="primary" onClick={() => print('sheets')}>
              <Icon name="print" />
              {count('sheets.print', draft.value.people.length)}
            </button>
          </div>
        </section>
      )}
      {others && !fresh && (
        <Note kind="wait" title={t('sheets.lost')}>{t('sheets.lost.text')}</Note>
      )}
      {Dns && <Dns.part />}
      <TrustBox ca={connect?.ca ?? status.ca} />
      <ConnectGuide connect={connect} base="/setup/done" />
      <section class="after no-print">
        <h2>{t('done.after')}</h2>
        <div class="row-actions">
          {/* Loaded anew: the box may have a certificate for its new name, about
              which only the browser itself can ask. */}
          <a class="button" href="/admin/people" data-load>
            <Icon name="people" />
            {t('done.admin')}
          </a>
          <button type="button" onClick={() => print('page')}>
            <Icon name="print" />
            {t('done.print')}
          </button>
        </div>
        <p class="soft">{t('done.again')}</p>
      </section>
      {sheets && fresh && <Sheets server={connect?.server ?? status.hostname ?? ''} link={connect?.link ?? ''} />}
    </>
  )
}

/** One page for each person, only on paper. */
function Sheets({ server, link }: { server: string; link: string }) {
  return (
    <div class="sheets">
      {setupDocument().accounts.map((a) => (
        <article key={a.address}>
          <p class="brand"><Mark /> {domain.value}</p>
          <h2>{t('sheet.title', { name: a.name })}</h2>
          <dl>
            <dt>{t('sheet.address')}</dt>
            <dd>{a.address}</dd>
            <dt>{t('sheet.password')}</dt>
            <dd class="mono">{a.password}</dd>
            <dt>{t('sheet.server')}</dt>
            <dd>{server}</dd>
          </dl>
          <div class="sheet-how">
            <img src="/api/connect/qr.svg" alt="" width="120" height="120" />
            <p>{t('sheet.how', { link })}</p>
          </div>
          <p class="soft">{t('sheet.change', { link: link.replace(/connect$/, 'me') })}</p>
        </article>
      ))}
    </div>
  )
}

/** The set-up is closed for good. */
export function ClosedScreen({ status }: { status: Status }) {
  return (
    <main class="alone">
      <div class="brand"><Mark /><span>Sanduk</span></div>
      <Title lead={t('closed.lead', { host: status.hostname ?? '' })}>{t('closed.title')}</Title>
      <Note kind="info">{t('closed.text')}</Note>
      <div class="actions">
        <a class="button primary" href="/connect">{t('home.connect')}</a>
        <a class="button" href="/admin">{t('home.admin')}</a>
      </div>
    </main>
  )
}
