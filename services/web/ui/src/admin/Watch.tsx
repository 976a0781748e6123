import { useState } from 'preact/hooks'
import { call } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, CopyButton, Note, ProblemNote } from '../parts/parts'
import { useDeeds } from './act'
import { Lines } from './Lines'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { Saving } from './Saving'
import { whenText } from './show'
import { count, t } from './texts'

type Transport = 'udp' | 'tcp' | 'tls'

interface Target {
  transport: Transport
  host: string
  port: number
  ca?: string
}

interface Watched {
  syslog: Target | null
  sent: number
  last_sent?: string
  problem?: string
  metrics: boolean
  letters: boolean
}

/** /admin/box/watch: who hears about the box, and what to give to who helps. */
export function Watch() {
  const loaded = useLoad(() => call<Watched>('GET', '/api/monitor'), [])
  const files = useLoad(() => call<{ files: { name: string; about: string }[] }>('GET', '/api/support'), [])
  const w = loaded.data
  return (
    <>
      <ProblemNote problem={loaded.absent ? undefined : loaded.problem} />
      {loaded.absent && <Note kind="info">{t('watch.absent')}</Note>}
      {!w && !loaded.problem && <Busy label={t('loading')} />}
      {w && <Letters on={w.letters} reload={loaded.reload} />}
      {w && <Metrics on={w.metrics} reload={loaded.reload} />}
      {w && <Syslog was={w} reload={loaded.reload} />}
      {files.data && (
        <section class="panel narrow">
          <h2>{t('watch.support')}</h2>
          <p>{t('watch.support.text')}</p>
          <dl class="facts">{files.data.files.map((f) => <><dt><code>{f.name}</code></dt><dd>{f.about}</dd></>)}</dl>
          <div class="row-actions"><a class="button" href="/api/support/bundle.zip" download><Icon name="download" />{t('watch.support.get')}</a></div>
        </section>
      )}
    </>
  )
}

function Letters({ on: was, reload }: { on: boolean; reload: () => Promise<void> }) {
  const [on, setOn] = useState(was)
  return (
    <section class="panel narrow">
      <h2>{t('watch.letters')}</h2>
      <Saving said={t('saved')} save={async () => { await call('PUT', '/api/monitor/letters', { on }); await reload() }}>
        {() => <Check label={t('watch.letters.on')} hint={t('watch.letters.hint')} value={on} onValue={setOn} />}
      </Saving>
    </section>
  )
}

function Metrics({ on, reload }: { on: boolean; reload: () => Promise<void> }) {
  const [token, setToken] = useState('')
  const { doing, problem, run } = useDeeds(reload)
  return (
    <section class="panel narrow">
      <h2>{t('watch.metrics')}</h2>
      <p>{t('watch.metrics.text')}</p>
      <ProblemNote problem={problem} />
      {token && (
        <Note kind="good" live title={t('watch.token')}>
          <p><code class="break">{token}</code><CopyButton text={token} label={t('watch.metrics')} /></p>
        </Note>
      )}
      {on && <p>{t('watch.metrics.on')} <code class="break">{location.origin}/metrics</code></p>}
      <div class="row-actions">
        <button type="button" aria-disabled={!!doing} onClick={() => void run('give', async () => setToken((await call<{ token: string }>('POST', '/api/monitor/metrics')).token), '')}>
          <Icon name="key" />{t(on ? 'watch.metrics.new' : 'watch.metrics.give')}
        </button>
        {on && (
          <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run('end', async () => { await call('DELETE', '/api/monitor/metrics'); setToken('') }, '')}>
            {t('watch.metrics.end')}
          </button>
        )}
      </div>
    </section>
  )
}

function Syslog({ was, reload }: { was: Watched; reload: () => Promise<void> }) {
  const [how, setHow] = useState<Transport | 'none'>(was.syslog?.transport ?? 'none')
  const [host, setHost] = useState(was.syslog?.host ?? '')
  const [port, setPort] = useState(was.syslog?.port ? String(was.syslog.port) : '')
  const [ca, setCA] = useState(was.syslog?.ca ?? '')
  const check = () => ({ port: port.trim() !== '' && !(Number(port) >= 1 && Number(port) <= 65535) ? { message: t('watch.port.wrong'), mend: t('watch.port.mend') } : undefined })
  const save = async () => {
    if (how === 'none') await call('DELETE', '/api/monitor/syslog')
    else await call('PUT', '/api/monitor/syslog', { transport: how, host: host.trim(), port: Number(port) || 0, ...(how === 'tls' && ca.trim() && { ca }) })
    await reload()
  }
  return (
    <section class="panel narrow">
      <h2>{t('watch.syslog')}</h2>
      <p>{t('watch.syslog.text')}</p>
      {was.problem && <Note kind="bad" title={t('watch.syslog.bad')}>{was.problem}</Note>}
      {was.syslog && <p class="soft">{count('watch.sent', was.sent)} {was.last_sent && t('watch.sent.last', { when: whenText(was.last_sent) })}</p>}
      <Saving check={check} save={save} said={t('saved')}>
        {(faults) => (
          <>
            <Pick label={t('watch.how')} value={how} onValue={(v) => setHow(v as Transport | 'none')} options={[['none', t('watch.how.none')], ['tls', 'TLS'], ['tcp', 'TCP'], ['udp', 'UDP']]} />
            {how !== 'none' && (
              <>
                <Field label={t('watch.host')} value={host} onValue={setHost} fault={faults['host']} />
                <Field label={t('watch.port')} hint={t('watch.port.hint')} value={port} onValue={setPort} fault={faults['port']} />
              </>
            )}
            {how === 'tls' && <Lines label={t('watch.ca')} hint={t('watch.ca.hint')} value={ca} onValue={setCA} fault={faults['ca']} rows={3} />}
          </>
        )}
      </Saving>
    </section>
  )
}
