import { useState } from 'preact/hooks'
import { call } from '../api'
import { FaultText, Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, CopyButton, Fingerprint, Note, ProblemNote } from '../parts/parts'
import { useDeeds } from './act'
import { Lines } from './Lines'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { Saving } from './Saving'
import { dayText, whenText } from './show'
import { t } from './texts'

interface Face {
  names: string[]
  issuer: string
  until: string
  sha256: string
}

interface Certs {
  authority: Face
  own: Face
  public?: Face
  believed: boolean
  servers: boolean
  issuance?: Issuance
}

interface Issuance {
  directory: string
  contact?: string
  method: 'http-01' | 'dns-01'
  working: boolean
  tried?: string
  next?: string
  problem?: string
  proofs?: { name: string; value: string }[]
}

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory'

const soon = 30 * 24 * 3600 * 1000

/** /admin/box/certificates: by what programs know the box. */
export function Certificates() {
  const loaded = useLoad(() => call<Certs>('GET', '/api/box-certificate'), [], 10_000)
  const { doing, said, problem, run } = useDeeds(loaded.reload)
  const c = loaded.data
  return (
    <>
      <ProblemNote problem={problem ?? (loaded.absent ? undefined : loaded.problem)} />
      {said && <Note kind="good" live>{said}</Note>}
      {loaded.absent && <Note kind="info">{t('cert.absent')}</Note>}
      {!c && !loaded.problem && <Busy label={t('loading')} />}
      {c?.public && (
        <section class="panel narrow">
          <h2>{t('cert.public')}</h2>
          {Date.parse(c.public.until) - Date.now() < soon && <Note kind="bad" title={t('cert.soon', { day: dayText(c.public.until) })}>{t(c.issuance ? 'acme.soon' : 'cert.soon.text')}</Note>}
          {!c.believed && <Note kind="wait">{t('cert.unknown', { issuer: c.public.issuer })}</Note>}
          {!c.servers && <Note kind="wait" title={t('cert.servers')}><p>{t('cert.servers.text')}</p><p><a href="/admin/dns">{t('frame.dns')}</a></p></Note>}
          <Facts face={c.public} />
          <div class="row-actions">
            <button type="button" aria-disabled={!!doing} onClick={() => void run('remove', () => call('DELETE', '/api/box-certificate'), t('cert.removed'))}>
              <Icon name="remove" />{t('cert.remove')}
            </button>
          </div>
        </section>
      )}
      {c && (
        <section class="panel narrow">
          <h2>{t('cert.own')}</h2>
          <p>{t('cert.own.text')}</p>
          <Facts face={c.own} />
          {!(c.public && c.believed) && ( // else nothing has to be told whom to trust
            <div class="row-actions">
              <a class="button" href="/ca.crt" download><Icon name="download" />{t('cert.ca')}</a>
              <a class="button" href="/profile.mobileconfig" download><Icon name="phone" />{t('cert.profile')}</a>
            </div>
          )}
        </section>
      )}
      {c && <Automatic key={c.issuance ? 'on' : 'off'} was={c.issuance} reload={loaded.reload} />}
      {c && <Upload reload={loaded.reload} />}
    </>
  )
}

function Facts({ face }: { face: Face }) {
  return (
    <dl class="facts">
      <dt>{t('cert.names')}</dt>
      <dd class="break">{face.names.join(', ')}</dd>
      <dt>{t('cert.issuer')}</dt>
      <dd class="break">{face.issuer}</dd>
      <dt>{t('cert.until')}</dt>
      <dd>{dayText(face.until)}</dd>
      <dt>{t('cert.print')}</dt>
      <dd><Fingerprint text={face.sha256} /></dd>
    </dl>
  )
}

/** A certificate that the box gets and renews by itself. */
function Automatic({ was, reload }: { was: Issuance | undefined; reload: () => Promise<void> }) {
  const [method, setMethod] = useState(was?.method ?? 'http-01')
  const [contact, setContact] = useState(was?.contact ?? '')
  const [directory, setDirectory] = useState(was?.directory ?? letsEncrypt)
  const [agreed, setAgreed] = useState(!!was)
  const { doing, problem, run } = useDeeds(reload)
  const path = '/api/box-certificate/issuance'
  return (
    <section class="panel narrow">
      <h2>{t('acme.title')}</h2>
      <p>{t('acme.text')}</p>
      <ProblemNote problem={problem} />
      {was && (
        <div aria-live="polite">
          {was.working && <Busy label={t('acme.working')} />}
          {was.problem && <Note kind="bad" title={t('acme.bad')}><p>{was.problem}</p>{was.next && <p>{t('acme.next', { when: whenText(was.next) })}</p>}</Note>}
          {was.proofs?.map((p) => (
            <Note key={p.value} kind="wait" title={t('acme.proof')}>
              <p><code class="break">{p.name}</code><CopyButton text={p.name} label={t('dns.name')} /></p>
              <p>{'TXT '}<code class="break">{p.value}</code><CopyButton text={p.value} label={t('dns.value')} /></p>
            </Note>
          ))}
          {!was.working && !was.problem && !was.proofs && was.tried && <p class="soft">{t('acme.tried', { when: whenText(was.tried) })}</p>}
        </div>
      )}
      <Saving said={t('acme.saved')} act={t(was ? 'save' : 'acme.go')} check={() => ({ agreed: agreed ? undefined : { message: t('acme.disagreed'), mend: '' } })}
        save={async () => { await call('PUT', path, { directory: directory.trim(), contact: contact.trim(), method, agreed }); await reload() }}>
        {(faults) => (
          <>
            <Pick label={t('acme.method')} hint={t(method === 'http-01' ? 'acme.http.hint' : 'acme.dns.hint')} value={method} onValue={(v) => setMethod(v as Issuance['method'])}
              options={[['http-01', t('acme.http')], ['dns-01', t('acme.dns')]]} />
            <Field label={t('acme.contact')} hint={t('acme.contact.hint')} value={contact} onValue={setContact} fault={faults['contact']} input={{ inputMode: 'email' }} />
            <Field label={t('acme.directory')} hint={t('acme.directory.hint')} value={directory} onValue={setDirectory} fault={faults['directory']} input={{ inputMode: 'url' }} />
            <Check label={t('acme.agree')} value={agreed} onValue={setAgreed} />
            <FaultText id="acme-agreed" fault={faults['agreed']} />
          </>
        )}
      </Saving>
      {was && (
        <div class="row-actions">
          <button type="button" aria-disabled={!!doing} onClick={() => void run('try', () => call('POST', path), '')}><Icon name="retry" />{t('acme.now')}</button>
          <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run('end', () => call('DELETE', path), '')}>{t('acme.end')}</button>
        </div>
      )}
    </section>
  )
}

function Upload({ reload }: { reload: () => Promise<void> }) {
  const [chain, setChain] = useState('')
  const [key, setKey] = useState('')
  const file = (label: string, into: (text: string) => void) => (
    <label class="file-button">
      <Icon name="upload" />
      {label}
      <input type="file" class="unseen" onChange={(e) => void e.currentTarget.files?.[0]?.text().then(into)} />
    </label>
  )
  return (
    <section class="panel narrow">
      <h2>{t('cert.upload')}</h2>
      <p>{t('cert.upload.text')}</p>
      <Saving said={t('cert.uploaded')} act={t('cert.upload.go')}
        save={async () => { await call('PUT', '/api/box-certificate', { certificate: chain, key }); setChain(''); setKey(''); await reload() }}>
        {(faults) => (
          <>
            <Lines label={t('cert.chain')} hint={t('cert.chain.hint')} value={chain} onValue={setChain} fault={faults['certificate']} rows={4} />
            <div class="row-actions">{file(t('cert.chain.file'), setChain)}</div>
            <Lines label={t('cert.key')} hint={t('cert.key.hint')} value={key} onValue={setKey} fault={faults['key']} rows={4} />
            <div class="row-actions">{file(t('cert.key.file'), setKey)}</div>
          </>
        )}
      </Saving>
    </section>
  )
}
