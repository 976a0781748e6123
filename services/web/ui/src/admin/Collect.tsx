import { useState } from 'preact/hooks'
import { Dialog } from '../parts/Dialog'
import { Field, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { decoded, go, path } from '../router'
import { useAct, useDeeds, type Close } from './act'
import { office, type Source, type SourceSettings } from './api'
import { useLoad } from './load'
import { Pick } from './Pick'
import { Empty, State, whenText } from './show'
import { count, t } from './texts'
import { Trial } from './Trial'

const soon = 5_000

/** Mailboxes at providers from which mail is fetched. */
export function Collect({ base }: { base: string }) {
  const sources = useLoad(office.sources, [], soon, 'collect')
  const { doing, said, problem, run, say } = useDeeds(sources.reload)
  const [, , , which, act] = path.value.split('/')
  const chosen = sources.data?.find((s) => s.id === decoded(which ?? ''))
  const close: Close = (text) => {
    go(base)
    if (text) {
      say(text)
      void sources.reload()
    }
  }
  const pause = (s: Source) => run(s.id, () => office.setSource(s.id, { ...s.settings!, paused: !s.paused }), t(s.paused ? 'collect.goes' : 'collect.paused.done'))
  return (
    <>
      <div class="tools">
        <a class="button primary" href={base + '/add'}><Icon name="plus" />{t('collect.add')}</a>
        {(sources.data?.length ?? 0) > 0 && (
          <button type="button" aria-disabled={doing === 'now'} onClick={() => void run('now', office.collectNow, t('collect.now.done'))}>
            <Icon name={doing === 'now' ? 'busy' : 'collect'} />
            {t('collect.now')}
          </button>
        )}
      </div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? sources.problem} />
      {!sources.data && !sources.problem && <Busy label={t('loading')} />}
      {sources.data?.length === 0 && <Empty icon="collect" title={t('collect.none')}>{t('collect.none.text')}</Empty>}
      <ul class="records">
        {sources.data?.map((s) => (
          <li key={s.id} class="record">
            <div class="panel-head">
              <h2 class="break">{s.user}</h2>
              <Standing source={s} />
            </div>
            <p class="break">{t('collect.from', { host: s.host, protocol: s.protocol.toUpperCase(), into: s.into })}</p>
            {s.problem && !s.paused && <Note kind="bad" title={s.problem}>{t('light.collect.do')}</Note>}
            <p class="soft">
              {s.last_good && t('light.collect.last', { when: whenText(s.last_good) }) + '. '}
              {s.next && !s.paused && t('collect.next', { when: whenText(s.next) }) + ' '}
              {count('collect.count', s.collected)}
            </p>
            {s.settings && (
              <div class="row-actions">
                <a class="button" href={`${base}/${encodeURIComponent(s.id)}/edit`}><Icon name="edit" />{t('change')}<span class="unseen"> {s.user}</span></a>
                <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void pause(s)}>
                  <Icon name={s.paused ? 'release' : 'hold'} />
                  {t(s.paused ? 'collect.go' : 'collect.pause')}<span class="unseen"> {s.user}</span>
                </button>
                <a class="button quiet" href={`${base}/${encodeURIComponent(s.id)}/remove`}><Icon name="remove" />{t('people.act.remove')}<span class="unseen"> {s.user}</span></a>
              </div>
            )}
          </li>
        ))}
      </ul>
      {which === 'add' && <Edit close={close} />}
      {chosen?.settings && act === 'edit' && <Edit key={chosen.id} id={chosen.id} before={chosen.settings} close={close} />}
      {chosen && act === 'remove' && <Remove source={chosen} close={close} />}
    </>
  )
}

function Standing({ source: s }: { source: Source }) {
  if (s.paused) return <State kind="later">{t('collect.paused')}</State>
  if (s.running) return <State kind="busy">{t('collect.running')}</State>
  if (s.problem) return <State kind="bad">{t('collect.bad')}</State>
  return <State kind="good">{t(s.listening ? 'collect.listening' : 'collect.good')}</State>
}

const fresh: SourceSettings = { protocol: 'imap', host: '', tls: 'implicit', user: '', into: '', every: '5m0s', leave: 'forever' }

function Edit({ id, before, close }: { id?: string; before?: SourceSettings; close: Close }) {
  const [s, setS] = useState(before ?? fresh)
  const [password, setPassword] = useState('')
  const { busy, problem, faults, act } = useAct(close)
  const set = (change: Partial<SourceSettings>) => setS({ ...s, ...change })
  const settings: SourceSettings = { ...s, ...(password && { password }) }
  const missing = (value: string) => (value.trim() ? undefined : { message: t('field.missing'), mend: t('field.missing.mend') })
  const found = { host: missing(s.host), user: missing(s.user), into: missing(s.into), password: id ? undefined : missing(password) }
  const known = (list: readonly string[], now: string) => (list.includes(now) ? list : [...list, now])
  const leaves: Record<string, string> = { forever: t('collect.leave.forever'), '0': t('collect.leave.none'), '7d': t('collect.leave.week'), '30d': t('collect.leave.month') }
  const every: Record<string, string> = { '1m0s': t('collect.every.1'), '5m0s': t('collect.every.5'), '15m0s': t('collect.every.15'), '1h0m0s': t('collect.every.60') }
  return (
    <Dialog title={id ? s.user : t('collect.add')} act={t(id ? 'save' : 'add.go')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, found, () => (id ? office.setSource(id, settings) : office.addSource(settings)), t('collect.done', { user: s.user }))}>
      {!id && (
        <>
          <Pick label={t('collect.protocol')} value={s.protocol} onValue={(v) => set({ protocol: v as SourceSettings['protocol'] })} options={[['imap', t('collect.imap')], ['pop3', t('collect.pop3')]]} />
          <Field label={t('collect.host')} value={s.host} onValue={(host) => set({ host: host.trim() })} fault={faults['host']} input={{ inputMode: 'url', autocomplete: 'off' }} />
          <Field label={t('collect.user')} value={s.user} onValue={(user) => set({ user: user.trim() })} fault={faults['user']} input={{ autocomplete: 'off' }} />
        </>
      )}
      <PasswordField label={t('signin.password')} hint={t(id ? 'collect.password.kept' : 'collect.password')} value={password} onValue={setPassword} fault={faults['password']} input={{ autocomplete: 'new-password' }} />
      <Pick label={t('collect.tls')} value={s.tls} onValue={(v) => set({ tls: v as SourceSettings['tls'], port: undefined })} options={[['implicit', 'TLS'], ['starttls', 'STARTTLS'], ['none', t('collect.tls.none')]]} />
      <Field label={t('collect.into')} hint={t('collect.into.hint')} value={s.into} onValue={(into) => set({ into: into.trim() })} fault={faults['into']} input={{ inputMode: 'email', autocomplete: 'off' }} />
      <Pick label={t('collect.every')} value={s.every} onValue={(v) => set({ every: v })} options={known(Object.keys(every), s.every).map((v) => [v, every[v] ?? v])} />
      <Pick label={t('collect.leave')} value={s.leave} onValue={(v) => set({ leave: v })} options={known(['forever', '30d', '7d', '0'], s.leave).map((v) => [v, leaves[v] ?? v])} />
      <Trial attempt={async () => {
        const trial = await office.trySource(settings)
        return trial.works ? { well: true, text: count('collect.works', trial.messages) } : { well: false, text: trial.problem ?? '' }
      }} />
    </Dialog>
  )
}

function Remove({ source, close }: { source: Source; close: Close }) {
  const { busy, problem, act } = useAct(close)
  return (
    <Dialog title={t('remove.title', { name: source.user })} act={t('people.act.remove')} danger busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, {}, () => office.removeSource(source.id), t('remove.done', { name: source.user }))}>
      <p>{t('collect.remove.text')}</p>
    </Dialog>
  )
}
