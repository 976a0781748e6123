import { useState } from 'preact/hooks'
import { Dialog } from '../parts/Dialog'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { decoded, go, path, query } from '../router'
import { useAct, useDeeds, type Close } from './act'
import { office, waiting, type Attempt, type Recipient, type Waiting } from './api'
import { useLoad } from './load'
import { may } from './session'
import { size, State, When, whenText, type Kind } from './show'
import { standing } from './standing'
import { t } from './texts'

const soon = 5_000

/** /admin/waiting/ID: one message, each try in the other server's words, and what can be done. */
export function WaitingMessage({ id }: { id: string }) {
  const name = decoded(id)
  const base = '/admin/waiting/' + id
  const loaded = useLoad(() => office.waiting(name), [name], soon, 'queue')
  const { doing, said, problem, run, say } = useDeeds(loaded.reload)
  const m = loaded.data
  const close: Close = (text) => {
    go(base)
    if (text) {
      say(text)
      void loaded.reload()
    }
  }
  if (loaded.absent && (!m || !said)) {
    // It has gone while somebody looked, or was never there.
    return (
      <>
        <Back />
        <Title lead={t('wait.gone.text')}>{t('wait.gone')}</Title>
      </>
    )
  }
  const button = (what: 'hold' | 'release' | 'retry', primary?: boolean) => (
    <button type="button" class={primary ? 'primary' : ''} aria-disabled={doing === what} onClick={() => void run(what, () => office.alterWaiting(name, what), t(`wait.${what}.done`))}>
      <Icon name={doing === what ? 'busy' : what} />
      {t(`wait.${what}`)}
    </button>
  )
  const isHeld = m?.to.some((r) => r.state === 'held') || (m?.hold_until && new Date(m.hold_until) > new Date())
  const waits = m?.to.some((r) => r.state === 'queued')
  return (
    <>
      <Back />
      <Title lead={m && <State kind={standing(m)[0]}>{standing(m)[1]}</State>}>{m ? t('wait.title', { from: m.from || t('queue.box') }) : t('queue.title')}</Title>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? (loaded.absent ? undefined : loaded.problem)} />
      {!m && !loaded.problem && <Busy label={t('loading')} />}
      {m && (
        <>
          <div class="row-actions">
            {isHeld ? may('administrator') && button('release', true) : waits && button('retry', true)}
            {may('administrator') && (
              <>
                {!isHeld && waits && button('hold')}
                <a class="button" href={waiting(name, 'message')} download><Icon name="download" />{t('wait.read')}</a>
                <a class="button quiet" href={base + '/drop'}><Icon name="remove" />{t('wait.drop')}</a>
              </>
            )}
          </div>
          <Facts message={m} />
          {m.to.map((r) => <To key={r.address} to={r} base={base} />)}
        </>
      )}
      {m && path.value === base + '/drop' && <DropDialog message={m} />}
      {m && path.value === base + '/redirect' && <RedirectDialog message={m} from={query.value.get('for') ?? ''} close={close} />}
    </>
  )
}

const Back = () => <p class="back-line"><a href="/admin/waiting"><Icon name="back" size={16} />{t('queue.title')}</a></p>

function Facts({ message: m }: { message: Waiting }) {
  return (
    <dl class="facts">
      <dt>{t('wait.accepted')}</dt>
      <dd><When at={m.accepted} /></dd>
      <dt>{t('queue.col.size')}</dt>
      <dd>{size(m.size)}</dd>
      {m.hold_until && <><dt>{t('wait.until')}</dt><dd><When at={m.hold_until} /></dd></>}
      {m.by && <><dt>{t('wait.by')}</dt><dd><When at={m.by} /></dd></>}
      {m.require_tls && <><dt>{t('wait.safe')}</dt><dd>{t('wait.safe.text')}</dd></>}
      <dt>{t('wait.id')}</dt>
      <dd class="mono break">{m.message}</dd>
    </dl>
  )
}

const kinds: Record<Recipient['state'], Kind> = { queued: 'wait', held: 'wait', delivered: 'good', relayed: 'good', failed: 'bad', dropped: 'bad' }

function To({ to, base }: { to: Recipient; base: string }) {
  const attempts = to.attempts ?? []
  const open = to.state === 'queued' || to.state === 'held'
  return (
    <section class="panel">
      <div class="panel-head">
        <h2 class="break">{to.address}</h2>
        <State kind={kinds[to.state]}>{t(`wait.state.${to.state}`)}</State>
      </div>
      <p class="soft">
        {to.state === 'queued' && to.next && new Date(to.next) > new Date() && t('wait.next', { when: whenText(to.next) }) + ' '}
        {to.hop && t('wait.hop', { hop: to.hop })}
      </p>
      {attempts.length === 0 ? <p>{t('wait.untried')}</p> : (
        <ol class="timeline">{attempts.map((a) => <Try key={a.at} attempt={a} />)}</ol>
      )}
      {to.tries > attempts.length && <p class="soft">{t('wait.earlier', { tries: to.tries })}</p>}
      {open && may('administrator') && (
        <div class="row-actions">
          <a class="button" href={base + '/redirect?' + new URLSearchParams({ for: to.address })}><Icon name="route" />{t('wait.redirect')}</a>
        </div>
      )}
    </section>
  )
}

function Try({ attempt: a }: { attempt: Attempt }) {
  const kind: Kind = a.fate === 'failed' ? 'bad' : a.fate === 'deferred' ? 'wait' : 'good'
  const where = [a.server, a.addr].filter(Boolean).join(' · ')
  return (
    <li>
      <p><When at={a.at} /> <State kind={kind}>{t(a.fate === 'failed' ? 'wait.fate.failed' : a.fate === 'deferred' ? 'wait.fate.deferred' : 'wait.fate.relayed')}</State></p>
      {where && <p class="soft break">{t('wait.server', { where, tls: a.tls || t('wait.plain') })}</p>}
      {a.reply && <code class="reply">{a.reply}</code>}
    </li>
  )
}

function DropDialog({ message: m }: { message: Waiting }) {
  const { busy, problem, act } = useAct((said) => go(said ? '/admin/waiting' : '/admin/waiting/' + encodeURIComponent(m.id)))
  return (
    <Dialog title={t('wait.drop.title')} act={t('wait.drop')} danger busy={busy} problem={problem} onClose={() => go('/admin/waiting/' + encodeURIComponent(m.id))}
      onAct={(form) => act(form, {}, () => office.dropWaiting(m.id), 'dropped')}>
      <p class="break">{t('held.line', { from: m.from || t('queue.box'), to: m.to.map((r) => r.address).join(', ') })}</p>
      <p>{t('wait.drop.text')}</p>
    </Dialog>
  )
}

function RedirectDialog({ message: m, from, close }: { message: Waiting; from: string; close: Close }) {
  const [to, setTo] = useState('')
  const { busy, problem, faults, act } = useAct(close)
  const missing = to.includes('@') ? undefined : { message: t('wait.redirect.missing'), mend: t('wait.redirect.mend') }
  return (
    <Dialog title={t('wait.redirect.title')} act={t('wait.redirect.go')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, { to: missing }, () => office.redirect(m.id, from, to.trim()), t('wait.redirect.done', { to: to.trim() }))}>
      <p class="break">{t('wait.redirect.text', { from })}</p>
      <Field label={t('wait.redirect.to')} value={to} onValue={setTo} fault={faults['to'] ?? faults['from']} input={{ inputMode: 'email', autocomplete: 'off' }} />
    </Dialog>
  )
}
