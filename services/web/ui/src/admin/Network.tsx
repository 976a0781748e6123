import { useEffect, useState } from 'preact/hooks'
import { call } from '../api'
import { Field } from '../parts/Field'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { linesOf } from './Lines'
import { useLoad } from './load'
import { Pick } from './Pick'
import { Saving } from './Saving'
import { count, t } from './texts'

/** What this page doesn't show is kept as it was. */
interface Settings {
  mode: 'dhcp' | 'static'
  address?: string
  gateway?: string
  dns?: string[]
  dns_tls?: string
  vlan?: number
}

interface Answer {
  network: Settings
  trial_seconds: number
  went_back: boolean
}

/** How long settings take to hold: an answer before that comes from the network of before. */
const settle = 10
const asking = 3_000

/** /admin/box/network: the box's address. New settings hold for a trial: this page says that they work when it reaches the box by them. */
export function Network() {
  const loaded = useLoad(() => call<Answer>('GET', '/api/network'), [])
  const [kept, setKept] = useState(false)
  const [tried, setTried] = useState<{ settings: Settings; until: number }>()
  const n = loaded.data
  const running = tried ?? (n && n.trial_seconds > 0 ? { settings: n.network, until: Date.now() + n.trial_seconds * 1000 } : undefined)
  return (
    <>
      <ProblemNote problem={loaded.absent ? undefined : loaded.problem} />
      {loaded.absent && <Note kind="info">{t('lan.absent')}</Note>}
      {!n && !loaded.problem && <Busy label={t('loading')} />}
      {kept && <Note kind="good" live title={t('lan.kept')} />}
      {n?.went_back && !running && !kept && <Note kind="wait" title={t('lan.back')}>{t('lan.back.text')}</Note>}
      {running && <Trial key={running.until} {...running} over={(good) => { setKept(good); setTried(undefined); void loaded.reload() }} />}
      {n && !running && <Form settings={n.network} tried={(settings, seconds) => { setKept(false); setTried({ settings, until: Date.now() + seconds * 1000 }) }} />}
    </>
  )
}

function Form({ settings: was, tried }: { settings: Settings; tried: (s: Settings, seconds: number) => void }) {
  const [mode, setMode] = useState(was.mode)
  const [address, setAddress] = useState(was.address ?? '')
  const [gateway, setGateway] = useState(was.gateway ?? '')
  const [dns, setDns] = useState((was.dns ?? []).join(', '))
  const [tls, setTls] = useState(was.dns_tls ?? '')
  const [vlan, setVlan] = useState(was.vlan ? String(was.vlan) : '')
  const check = () => ({
    address: mode === 'static' && !/^[0-9a-f.:]+\/\d+$/i.test(address.trim()) ? { message: t('lan.address.wrong'), mend: t('lan.address.mend') } : undefined,
    vlan: vlan.trim() !== '' && !(Number(vlan) >= 1 && Number(vlan) <= 4094) ? { message: t('lan.vlan.wrong'), mend: t('lan.vlan.mend') } : undefined,
  })
  const save = async () => {
    const { address: _a, gateway: _g, dns: _d, dns_tls: _t, vlan: _v, ...rest } = was
    const s: Settings = { ...rest, mode }
    if (mode === 'static') s.address = address.trim()
    if (mode === 'static' && gateway.trim()) s.gateway = gateway.trim()
    if (linesOf(dns).length > 0) s.dns = linesOf(dns)
    if (tls.trim()) s.dns_tls = tls.trim()
    if (vlan.trim()) s.vlan = Number(vlan)
    const answer = await call<{ trial_seconds: number }>('PUT', '/api/network', { network: s })
    tried(s, answer.trial_seconds)
  }
  return (
    <section class="panel narrow">
      <p>{t('lan.text')}</p>
      <Saving check={check} save={save} said="" act={t('lan.try')}>
        {(faults) => (
          <>
            <Pick label={t('lan.mode')} value={mode} onValue={(v) => setMode(v as Settings['mode'])} options={[['dhcp', t('lan.mode.dhcp')], ['static', t('lan.mode.static')]]} />
            {mode === 'static' && (
              <>
                <Field label={t('lan.address')} hint={t('lan.address.hint')} value={address} onValue={setAddress} fault={faults['address']} />
                <Field label={t('lan.gateway')} value={gateway} onValue={setGateway} fault={faults['gateway']} />
              </>
            )}
            <Field label={t('lan.dns')} hint={t('lan.dns.hint')} value={dns} onValue={setDns} fault={faults['dns']} />
            {linesOf(dns).length > 0 && <Field label={t('lan.tls')} hint={t('lan.tls.hint')} value={tls} onValue={setTls} fault={faults['dns_tls']} />}
            <Field label={t('lan.vlan')} hint={t('lan.vlan.hint')} value={vlan} onValue={setVlan} fault={faults['vlan']} />
          </>
        )}
      </Saving>
    </section>
  )
}

const isAddress = (host: string) => /^[\d.]+$|^\[/.test(host)

/** Whether this very page reaches the box at its new address: not where it was opened by the old one. */
function reaches(s: Settings): boolean {
  if (!isAddress(location.hostname) || s.mode === 'dhcp' || !s.address) return true
  return location.hostname.replace(/[[\]]/g, '') === s.address.split('/')[0]
}

function Trial({ settings, until, over }: { settings: Settings; until: number; over: (good: boolean) => void }) {
  const [left, setLeft] = useState(Math.ceil((until - Date.now()) / 1000))
  const here = reaches(settings)
  const from = useState(Date.now())[0]
  useEffect(() => {
    const clock = setInterval(() => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000))), 1000)
    let busy = false
    const ask = setInterval(async () => {
      if (busy || Date.now() - from < settle * 1000) return
      busy = true
      try {
        if (Date.now() > until + 5_000) {
          await call<Answer>('GET', '/api/network')
          over(false)
        } else if (here) {
          await call('POST', '/api/network/keep')
          over(true)
        }
      } catch { // not reached: it is asked again
      }
      busy = false
    }, asking)
    return () => {
      clearInterval(clock)
      clearInterval(ask)
    }
  }, [])
  const to = settings.address?.split('/')[0]
  const link = to && 'https://' + (to.includes(':') ? `[${to}]` : to) + '/admin/box/network'
  return (
    <section class="panel narrow">
      <h2>{t('lan.trial')}</h2>
      <p role="timer">{count('lan.left', left)}</p>
      <progress class="bar" aria-label={t('lan.trial')} max={90} value={left} />
      {here ? <Busy label={t('lan.reaching')} /> : (
        <Note kind="wait" title={t('lan.there')}>
          <p>{t('lan.there.text')}</p>
          <p><a href={link} data-load>{link}</a></p>
        </Note>
      )}
    </section>
  )
}
