import { Icon } from '../parts/Icon'
import { Busy, CopyButton, Note, ProblemNote, Title } from '../parts/parts'
import { AboutUs } from './AboutUs'
import { useDeeds } from './act'
import { office, type DNSRecord } from './api'
import { useLoad } from './load'
import { Empty, State, type Kind } from './show'
import { count, t } from './texts'

/** /admin/dns: what the office has to publish, what of it the world sees, and what to do. */
export function Dns() {
  // What to publish is known at once; what is there takes some seconds to ask.
  const proposed = useLoad(() => office.dns(false), [])
  const looked = useLoad(() => office.dns(true), [])
  const signing = useLoad(office.signing, [])
  const { doing, said, problem, run } = useDeeds(() => Promise.all([looked.reload(), signing.reload()]))
  const list = (looked.data ?? proposed.data)?.records
  const groups = (['needed', 'useful', 'later', 'old'] as const).map((need) => [need, (list ?? []).filter((r) => r.need === need)] as const)
  const wrong = (looked.data?.records ?? []).filter((r) => r.need === 'needed' && r.state !== 'ok')
  return (
    <>
      <div class="head">
        <Title lead={t('dns.lead')}>{t('dns.title')}</Title>
        <div class="head-acts">
          <button type="button" class="primary" aria-disabled={looked.busy} onClick={() => { if (!looked.busy) void looked.reload() }}>
            <Icon name={looked.busy ? 'busy' : 'retry'} />
            {t(looked.busy ? 'dns.asking' : 'dns.again')}
          </button>
          <a class="button" href="/api/dns/zone" download><Icon name="download" />{t('dns.zone')}</a>
        </div>
      </div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? looked.problem ?? proposed.problem} />
      {!list && !proposed.problem && <Busy label={t('loading')} />}
      <div aria-live="polite">
        {looked.data && !looked.busy && (wrong.length === 0
          ? <Note kind="good" title={t('dns.well')}>{t('dns.well.text')}</Note>
          : <Note kind="bad" title={count('dns.wrong', wrong.length)}>{t('dns.wrong.text')}</Note>)}
      </div>
      {list?.length === 0 && <Empty icon="globe" title={t('dns.none')}>{t('dns.none.text')}</Empty>}
      {groups.map(([need, records]) => records.length > 0 && (
        <section key={need} aria-labelledby={'need-' + need}>
          <h2 class="section" id={'need-' + need}>{t(`dns.need.${need}`)}</h2>
          <p class="soft">{t(`dns.need.${need}.text`)}</p>
          <ul class="records">{records.map((r) => <Card key={r.type + r.name + r.value} record={r} known={!!looked.data} />)}</ul>
        </section>
      ))}
      {(looked.data?.notes?.length ?? 0) > 0 && <ul class="plain-list">{looked.data?.notes?.map((n) => <li key={n}>{n}</li>)}</ul>}
      {(signing.data?.length ?? 0) > 0 && (
        <section aria-labelledby="signing">
          <h2 class="section" id="signing">{t('sign.title')}</h2>
          <p class="soft">{t('sign.text')}</p>
          <ul class="records">
            {signing.data?.map((s) => (
              <li key={s.domain} class="record">
                <div class="panel-head">
                  <h3 class="break">{s.domain}</h3>
                  <span class="soft">{t(`sign.${s.by}`)}</span>
                </div>
                <div class="row-actions">
                  <button type="button" aria-disabled={!!doing} onClick={() => void run('sign', () => office.setSigning(s.domain, s.by === 'box' ? 'provider' : 'box'), t('sign.done'))}>
                    {t(s.by === 'box' ? 'sign.to.provider' : 'sign.to.box')}<span class="unseen"> {s.domain}</span>
                  </button>
                  {s.by === 'box' && (
                    <>
                      <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run('keys', () => office.keys(s.domain, 'prepare'), t('sign.keys.done'))}>{t('sign.keys')}<span class="unseen"> {s.domain}</span></button>
                      <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run('use', () => office.keys(s.domain, 'use'), t('sign.use.done'))}>{t('sign.use')}<span class="unseen"> {s.domain}</span></button>
                    </>
                  )}
                </div>
              </li>
            ))}
          </ul>
        </section>
      )}
      <AboutUs />
    </>
  )
}

/** The state's colour: what isn't needed is nobody's alarm. */
function kindOf(r: DNSRecord): Kind {
  if (r.need === 'later') return 'later'
  if (r.state === 'ok') return 'good'
  if (r.need === 'old') return 'later'
  return r.need === 'needed' && r.state !== 'unknown' ? 'bad' : 'wait'
}

export function Card({ record: r, known }: { record: DNSRecord; known: boolean }) {
  const line = (label: string, value: string) => (
    <>
      <dt>{label}</dt>
      <dd>
        <code class="break">{value}</code>
        <CopyButton text={value} label={label + ' ' + r.name} />
      </dd>
    </>
  )
  return (
    <li class="record">
      <div class="panel-head">
        <h3>{r.about}</h3>
        {known ? <State kind={kindOf(r)}>{r.need === 'later' ? t('state.later') : t(`dns.state.${r.state}`)}</State> : <State kind="busy" />}
      </div>
      {known && r.what_to_do && <p>{r.what_to_do}</p>}
      <dl class="record-lines">
        <dt>{t('dns.type')}</dt>
        <dd><code>{r.type}</code></dd>
        {line(t('dns.name'), r.name)}
        {r.value && line(t('dns.value'), r.value)}
        {known && r.state !== 'ok' && r.found?.map((f) => <Found key={f} text={f} />)}
      </dl>
    </li>
  )
}

function Found({ text }: { text: string }) {
  return (
    <>
      <dt>{t('dns.found')}</dt>
      <dd><code class="break">{text}</code></dd>
    </>
  )
}
