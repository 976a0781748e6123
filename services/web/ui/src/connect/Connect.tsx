import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { api, problemOf, type Connect, type Problem, type Protocol, type Status } from '../api'
import { Icon, type IconName } from '../parts/Icon'
import { Busy, CopyButton, Fingerprint, Note, ProblemNote, Title } from '../parts/parts'
import { go, path } from '../router'
import { rich, t, type Key } from '../texts'

/** The settings, asked for once unless they are known already. */
export function useConnect(known?: Connect, fail?: (p: Problem) => void): Connect | undefined {
  const [connect, setConnect] = useState(known)
  useEffect(() => {
    if (!connect) api.connect().then(setConnect, (e) => fail?.(problemOf(e)))
  }, [])
  return connect
}

/** The page /connect: for everybody in the office. */
export function ConnectPage({ status }: { status: Status }) {
  const [problem, setProblem] = useState<Problem>()
  const connect = useConnect(undefined, setProblem)
  return (
    <>
      <Title lead={t('connect.lead')}>{t('connect.title')}</Title>
      <ProblemNote problem={problem} />
      {!connect && !problem && <Busy label={t('loading')} />}
      <TrustBox ca={connect?.ca ?? status.ca} />
      <ConnectGuide connect={connect} base="/connect" />
    </>
  )
}

/** First of all: the device has to trust the box. */
export function TrustBox({ ca }: { ca: string | undefined }) {
  if (!ca) return null
  return (
    <section class="panel trust">
      <h2>
        <Icon name="shield" size={20} /> {t('trust.title')}
      </h2>
      <p>{t('trust.text')}</p>
      <div class="row-actions no-print">
        <a class="button" href="/ca.crt" download>{t('trust.get')}</a>
      </div>
      <details class="aside" open={false}>
        <summary>{t('trust.how')}</summary>
        <dl class="how">
          {(['windows', 'mac', 'ios', 'android', 'thunderbird'] as const).map((s) => (
            <div key={s}>
              <dt>{t(`trust.${s}`)}</dt>
              <dd>{t(`trust.${s}.text`)}</dd>
            </div>
          ))}
        </dl>
      </details>
      <p class="soft">{t('trust.print')}</p>
      <Fingerprint text={ca} />
    </section>
  )
}

const programs = ['outlook', 'thunderbird', 'apple', 'phone'] as const
type Program = (typeof programs)[number]
/** What somebody probably looks for, from the device in their hand. */
function likely(): Program {
  if (matchMedia('(max-width: 640px)').matches) return 'phone'
  return /Mac/.test(navigator.userAgent) ? 'apple' : 'outlook'
}

const signs: Record<Program, IconName> = { outlook: 'monitor', thunderbird: 'mail', apple: 'laptop', phone: 'phone' }

const stepKeys: Record<Program, Key[]> = {
  outlook: ['outlook.1', 'outlook.2', 'outlook.3', 'outlook.4'],
  thunderbird: ['thunderbird.1', 'thunderbird.2', 'thunderbird.3'],
  apple: ['apple.1', 'apple.2', 'apple.3', 'apple.4'],
  phone: ['phone.1', 'phone.2', 'phone.3', 'phone.4'],
}

/** The settings by program. Which one is shown stands in the address. */
export function ConnectGuide({ connect, base }: { connect: Connect | undefined; base: string }) {
  const tabs = useRef<HTMLDivElement>(null)
  if (!connect) return null
  const named = path.value.slice(base.length + 1) as Program
  const program = programs.includes(named) ? named : likely()
  const show = (p: Program) => go(base + '/' + p, { replace: true })
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key]
    if (!step) return
    const at = (programs.indexOf(program) + step + programs.length) % programs.length
    show(programs[at]!)
    tabs.current?.querySelectorAll('button')[at]?.focus()
  }
  const best = (name: Protocol['name']) => connect.protocols.filter((p) => p.name === name)
  const steps = (p: Program): ComponentChildren => (
    <ol class="how-steps">
      {stepKeys[p].map((k) => <li key={k}>{rich(k, { server: <b class="break">{connect.server}</b> })}</li>)}
    </ol>
  )
  return (
    <section class="guide">
      <h2>{t('guide.title')}</h2>
      <div ref={tabs} class="tabs no-print" role="tablist" aria-label={t('guide.title')} onKeyDown={onKey}>
        {programs.map((p) => (
          <button key={p} id={'tab-' + p} type="button" role="tab" aria-selected={p === program} aria-controls="guide-panel" tabIndex={p === program ? 0 : -1} onClick={() => show(p)}>
            <Icon name={signs[p]} />
            {t(`guide.${p}`)}
          </button>
        ))}
      </div>
      <div id="guide-panel" role="tabpanel" aria-labelledby={'tab-' + program} class="panel">
        <h3 class="only-print">{t(`guide.${program}`)}</h3>
        {program === 'phone' ? (
          <div class="with-qr">
            <div>{steps(program)}</div>
            <figure>
              <img src="/api/connect/qr.svg" width="148" height="148" alt={t('guide.qr', { link: connect.link })} />
              <figcaption>{t('guide.qr.caption')}</figcaption>
            </figure>
          </div>
        ) : steps(program)}
        <h3>{t('settings.title')}</h3>
        <dl class="settings">
          <Setting label={t('settings.user')} value={t('settings.user.value')} />
          <Setting label={t('settings.in')} value={connect.server} ports={best('IMAP')} note={t('settings.in.note')} copy />
          <Setting label={t('settings.out')} value={connect.server} ports={best('SMTP')} note={t('settings.out.note')} copy />
        </dl>
        <details class="aside">
          <summary>{t('settings.pop3')}</summary>
          <p>{t('settings.pop3.text')}</p>
          <dl class="settings">
            <Setting label={t('settings.in3')} value={connect.server} ports={best('POP3')} copy />
          </dl>
        </details>
      </div>
      {connect.addresses.length > 0 && (
        <Note kind="info">
          {rich('guide.address', { server: <b class="break">{connect.server}</b>, address: <b class="break">{connect.addresses[0]}</b> })}
        </Note>
      )}
    </section>
  )
}

function Setting({ label, value, ports = [], note, copy }: { label: string; value: string; ports?: Protocol[]; note?: string; copy?: boolean }) {
  return (
    <div class="setting">
      <dt>
        {label}
        {note && <small>{note}</small>}
      </dt>
      <dd>
        <span class="setting-value">
          <b class="break">{value}</b>
          {copy && <CopyButton text={value} label={label} />}
        </span>
        {ports.map((p, i) => (
          <span key={p.port} class={i ? 'soft' : ''}>
            {t(i ? 'settings.port.or' : 'settings.port', { port: p.port, security: p.security === 'TLS' ? 'SSL/TLS' : 'STARTTLS' })}
          </span>
        ))}
      </dd>
    </div>
  )
}
