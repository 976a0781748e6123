import { useRef, useState } from 'preact/hooks'
import { api, Problem, problemOf } from '../api'
import type { Fault } from '../check/fault'
import { canPasskey, makePasskey } from '../check/webauthn'
import { Field, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { t } from '../parts/own'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { locale } from '../texts'
import { useLoad } from './load'
import { me } from './session'

const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })

/** Passkeys, made here and ended one by one. hostname is the box's own, to go to where this page has none. */
export function Passkeys({ hostname }: { hostname: string | undefined }) {
  const state = useLoad(api.passkeys, [])
  const [asking, setAsking] = useState(false)
  const [name, setName] = useState('')
  const [current, setCurrent] = useState('')
  const [faults, setFaults] = useState<Record<string, Fault | undefined>>({})
  const [problem, setProblem] = useState<Problem>()
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const show = (found: Record<string, Fault | undefined>) => {
    setFaults(found)
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
  }
  const act = async (what: () => Promise<void>) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    setFaults({})
    setSaid('')
    try {
      await what()
      setAsking(false)
      setCurrent('')
      setName('')
      await state.reload()
    } catch (error) {
      // The browser says no more than that it came to nothing.
      const p = error instanceof DOMException ? new Problem(0, t('passkey.failed'), t('passkey.failed.do')) : problemOf(error)
      if (p.status === 401) me.value = null
      else if (p.field === 'name' || p.field === 'current') show({ [p.field]: { message: p.message, mend: p.whatToDo } })
      else setProblem(p)
    } finally {
      setBusy(false)
    }
  }
  const make = () => {
    const found = {
      ...(name.trim() ? {} : { name: { message: t('passkey.name.missing'), mend: t('passkey.name.mend') } }),
      ...(current ? {} : { current: { message: t('me.current.missing'), mend: t('me.current.mend') } }),
    }
    if (Object.keys(found).length) return show(found)
    void act(async () => {
      await api.addPasskey(name.trim(), await makePasskey(await api.newPasskey(current)))
      setSaid(t('passkey.made'))
    })
  }
  if (state.absent) return null
  const all = state.data?.passkeys ?? []
  const host = state.data?.host
  return (
    <section class="panel">
      <h2>{t('passkey.title')}</h2>
      <p class="hint">{t('passkey.hint')}</p>
      {said && <Note kind="good" live title={said} />}
      <ProblemNote problem={problem ?? state.problem} />
      {!state.data && !state.problem && <Busy label={t('loading')} />}
      <ul class="signed-in">
        {all.map((p) => (
          <li key={p.id}>
            <div>
              <strong>{p.name}</strong>
              <span class="soft">{t('passkey.about', { when: day.format(new Date(p.added)), host: p.host })}</span>
            </div>
            <button type="button" aria-disabled={busy} onClick={() => void act(async () => { await api.endPasskey(p.id); setSaid(t('passkey.ended')) })}>
              <Icon name="remove" />{t('passkey.end')}<span class="unseen"> {p.name}</span>
            </button>
          </li>
        ))}
      </ul>
      {host === '' && (
        <p>
          {t('passkey.address')} {hostname && <a href={`https://${hostname}${location.port && ':' + location.port}/me`}>{t('passkey.address.go', { host: hostname })}</a>}
        </p>
      )}
      {host && !canPasskey() && <p>{t('passkey.old')}</p>}
      {host && canPasskey() && !asking && (
        <div class="row-actions">
          <button type="button" onClick={() => { setAsking(true); setSaid(''); requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('input')?.focus()) }}>
            <Icon name="plus" />{t('passkey.begin')}
          </button>
        </div>
      )}
      {host && asking && (
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); make() }}>
          <Field label={t('passkey.name')} hint={t('passkey.name.hint')} value={name} onValue={setName} fault={faults['name']} input={{ autocomplete: 'off' }} />
          <PasswordField label={t('me.current')} value={current} onValue={setCurrent} fault={faults['current']} input={{ autocomplete: 'current-password' }} />
          <div class="actions">
            <button type="submit" class="primary" aria-disabled={busy}>{busy && <Icon name="busy" />}{t('passkey.go')}</button>
            <button type="button" class="quiet" onClick={() => setAsking(false)}>{t('cancel')}</button>
          </div>
        </form>
      )}
    </section>
  )
}
