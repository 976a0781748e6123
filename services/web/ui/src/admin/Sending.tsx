import { useState } from 'preact/hooks'
import { Dialog } from '../parts/Dialog'
import { Field, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { decoded, go, path } from '../router'
import { useAct, type Close } from './act'
import { office, type Route } from './api'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { t } from './texts'
import { Trial } from './Trial'

const all = '*'

const wayText = (r: Route) => (r.way === 'smarthost' ? t('route.by', { host: r.host ?? '', port: r.port ?? '' }) : t('route.direct'))

/** Which way mail goes out. */
export function Sending({ base }: { base: string }) {
  const routes = useLoad(office.routes, [])
  const [said, setSaid] = useState('')
  const [, , , , which, act] = path.value.split('/')
  const name = decoded(which ?? '')
  const list = routes.data?.routes ?? []
  const forAll = list.find((r) => r.domain === all)
  const chosen = list.find((r) => r.domain === name)
  const close: Close = (text) => {
    go(base)
    if (text) {
      setSaid(text)
      void routes.reload()
    }
  }
  const card = (r: Route, own: boolean) => (
    <li key={r.domain} class="record">
      <div class="panel-head"><h2 class="break">{r.domain === all ? t('route.all') : t(r.below ? 'route.below' : 'route.to', { domain: r.domain })}</h2></div>
      <p class="break">{wayText(r)}{r.user && ' ' + t('route.user', { user: r.user })}{r.fall_back && ' ' + t('route.falls')}</p>
      {!own && <p class="soft">{t('route.usual')}</p>}
      <div class="row-actions">
        <a class="button" href={`${base}/${encodeURIComponent(r.domain)}/edit`}><Icon name="edit" />{t('change')}<span class="unseen"> {r.domain}</span></a>
        {own && <a class="button quiet" href={`${base}/${encodeURIComponent(r.domain)}/remove`}><Icon name="remove" />{t('people.act.remove')}<span class="unseen"> {r.domain}</span></a>}
      </div>
    </li>
  )
  return (
    <>
      <div class="tools"><a class="button primary" href={base + '/add'}><Icon name="plus" />{t('route.add')}</a></div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={routes.problem} />
      {!routes.data && !routes.problem && <Busy label={t('loading')} />}
      {routes.data && (
        <ul class="records">
          {card(forAll ?? { ...routes.data.usual, domain: all }, !!forAll)}
          {list.filter((r) => r.domain !== all).map((r) => card(r, true))}
        </ul>
      )}
      {which === 'add' && <Edit close={close} />}
      {routes.data && act === 'edit' && (chosen ?? (name === all ? { ...routes.data.usual, domain: all } : undefined)) && (
        <Edit key={name} before={chosen ?? { ...routes.data.usual, domain: all }} kept={!!chosen?.user} close={close} />
      )}
      {chosen && act === 'remove' && <Remove route={chosen} close={close} />}
    </>
  )
}

function Edit({ before, kept, close }: { before?: Route; kept?: boolean; close: Close }) {
  const [r, setR] = useState<Route>(before ?? { domain: '', way: 'smarthost', port: 587, tls: 'starttls' })
  const [password, setPassword] = useState('')
  const { busy, problem, faults, act } = useAct(close)
  const set = (change: Partial<Route>) => setR({ ...r, ...change })
  const smart = r.way === 'smarthost'
  const noServer = { host: undefined, port: undefined, tls: undefined, pin: undefined, user: undefined, password: undefined, fall_back: undefined }
  const route: Route = smart ? { ...r, ...(password && { password }) } : { ...r, way: 'direct', ...noServer }
  const missing = (value: string | undefined) => (value?.trim() ? undefined : { message: t('field.missing'), mend: t('field.missing.mend') })
  const found = { domain: missing(r.domain), host: smart ? missing(r.host) : undefined }
  return (
    <Dialog title={before ? (r.domain === all ? t('route.all') : t('route.to', { domain: r.domain })) : t('route.add')} act={t(before ? 'save' : 'add.go')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, found, () => office.setRoute(route), t('route.done'))}>
      {!before && <Field label={t('route.domain')} hint={t('route.domain.hint')} value={r.domain} onValue={(v) => set({ domain: v.trim().toLowerCase() })} fault={faults['domain']} input={{ inputMode: 'url', autocomplete: 'off' }} />}
      {r.domain !== all && <Check label={t('route.below.check')} value={r.below ?? false} onValue={(v) => set({ below: v })} />}
      <Pick label={t('route.way')} value={r.way} onValue={(v) => set({ way: v as Route['way'], ...(v === 'smarthost' && !r.port && { port: 587, tls: 'starttls' as const }) })}
        options={[['direct', t('route.way.direct')], ['smarthost', t('route.way.smart')]]} />
      {smart && (
        <>
          <Field label={t('collect.host')} value={r.host ?? ''} onValue={(v) => set({ host: v.trim() })} fault={faults['host']} input={{ inputMode: 'url', autocomplete: 'off' }} />
          <Pick label={t('collect.tls')} value={r.tls ?? 'starttls'} onValue={(v) => set({ tls: v as NonNullable<Route['tls']>, port: v === 'implicit' ? 465 : v === 'none' ? 25 : 587 })}
            options={[['starttls', 'STARTTLS (587)'], ['implicit', 'TLS (465)'], ['none', t('collect.tls.none')]]} />
          <Field label={t('collect.user')} hint={t('route.user.hint')} value={r.user ?? ''} onValue={(v) => set({ user: v.trim() })} fault={faults['user']} input={{ autocomplete: 'off' }} />
          {r.user && <PasswordField label={t('signin.password')} hint={kept ? t('collect.password.kept') : undefined} value={password} onValue={setPassword} fault={faults['password']} input={{ autocomplete: 'new-password' }} />}
          <Check label={t('route.fall')} hint={t('route.fall.hint')} value={r.fall_back ?? false} onValue={(v) => set({ fall_back: v })} />
        </>
      )}
      <Trial attempt={() => office.tryRoute(route)} />
    </Dialog>
  )
}

function Remove({ route, close }: { route: Route; close: Close }) {
  const { busy, problem, act } = useAct(close)
  return (
    <Dialog title={t('route.remove')} act={t('people.act.remove')} danger busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, {}, () => office.removeRoute(route.domain), t('route.removed'))}>
      <p>{t(route.domain === all ? 'route.remove.all' : 'route.remove.text', { domain: route.domain })}</p>
    </Dialog>
  )
}
