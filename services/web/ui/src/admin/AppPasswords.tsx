import { useRef, useState } from 'preact/hooks'
import { api, problemOf, type AppPassword, type Problem, type Service } from '../api'
import type { Fault } from '../check/fault'
import { Field, FaultText, PasswordField } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { t } from '../parts/own'
import { Busy, CopyButton, Note, ProblemNote } from '../parts/parts'
import { locale } from '../texts'
import { useLoad } from './load'
import { me } from './session'

const when = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })
const list = new Intl.ListFormat(locale)
const services: readonly Service[] = ['imap', 'pop3', 'submission']

function about(p: AppPassword): string {
  const used = p.used ? t('app.used', { when: when.format(new Date(p.used)), service: t(`app.service.${p.used_service!}`), address: p.used_peer! }) : t('app.unused')
  const bounds = p.services.length < services.length ? t('app.for', { services: list.format(p.services.map((s) => t(`app.service.${s}`))) }) : ''
  return [t('app.made', { when: day.format(new Date(p.added)) }), bounds, used].filter(Boolean).join(' ')
}

/** A password for each mail program, made here and ended one by one. */
export function AppPasswords() {
  const state = useLoad(api.appPasswords, [])
  const [asking, setAsking] = useState<'make' | 'only'>() // which form is open
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<readonly Service[]>(services)
  const [current, setCurrent] = useState('')
  const [made, setMade] = useState<{ name: string; password: string }>()
  const [faults, setFaults] = useState<Record<string, Fault | undefined>>({})
  const [problem, setProblem] = useState<Problem>()
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const show = (found: Record<string, Fault | undefined>) => {
    setFaults(found)
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid], .has-fault input')?.focus())
  }
  const act = async (what: () => Promise<void>) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    setFaults({})
    setSaid('')
    setMade(undefined)
    try {
      await what()
      setAsking(undefined)
      setCurrent('')
      await state.reload()
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 401) me.value = null
      else if (p.field === 'name' || p.field === 'current') show({ [p.field]: { message: p.message, mend: p.whatToDo } })
      else setProblem(p)
    } finally {
      setBusy(false)
    }
  }
  const make = () => {
    const found = {
      ...(name.trim() ? {} : { name: { message: t('app.name.missing'), mend: t('app.name.mend') } }),
      ...(chosen.length ? {} : { services: { message: t('app.services.missing'), mend: t('app.services.mend') } }),
      ...(current ? {} : { current: { message: t('me.current.missing'), mend: t('me.current.mend') } }),
    }
    if (Object.keys(found).length) return show(found)
    void act(async () => {
      const password = await api.makeAppPassword(name.trim(), chosen, current)
      setMade({ name: name.trim(), password })
      setName('')
      setChosen(services)
    })
  }
  const setOnly = (only: boolean) => void act(async () => {
    await api.setOnlyPrograms(only, current)
    setSaid(t('app.only.done'))
  })
  if (state.absent) return null
  const all = state.data?.passwords ?? []
  const only = state.data?.only ?? false
  const password = <PasswordField label={t('me.current')} value={current} onValue={setCurrent} fault={faults['current']} input={{ autocomplete: 'current-password' }} />
  const open = (which: 'make' | 'only') => {
    setAsking(which)
    setMade(undefined)
    setSaid('')
    setFaults({})
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('input')?.focus())
  }
  return (
    <section class="panel">
      <h2>{t('app.title')}</h2>
      <p class="hint">{t('app.hint')}</p>
      {said && <Note kind="good" live title={said} />}
      <ProblemNote problem={problem ?? state.problem} />
      {!state.data && !state.problem && <Busy label={t('loading')} />}
      {made && (
        <Note kind="good" live title={t('app.shown', { name: made.name })}>
          <p class="mono">{made.password}<CopyButton text={made.password} label={t('app.shown.copy')} /></p>
          <p>{t('app.shown.text')}</p>
        </Note>
      )}
      {state.data && all.length === 0 && <p>{t('app.none')}</p>}
      {only && <p><strong>{t('app.only')}</strong> {t('app.only.text')}</p>}
      <ul class="signed-in">
        {all.map((p) => (
          <li key={p.number}>
            <div>
              <strong>{p.name}</strong>
              <span class="soft">{about(p)}</span>
            </div>
            <button type="button" aria-disabled={busy} onClick={() => void act(async () => { await api.endAppPassword(p.number); setSaid(t('app.ended')) })}>
              <Icon name="remove" />{t('app.end')}<span class="unseen"> {p.name}</span>
            </button>
          </li>
        ))}
      </ul>
      {asking === 'make' && (
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); make() }}>
          <Field label={t('app.name')} hint={t('app.name.hint')} value={name} onValue={setName} fault={faults['name']} input={{ autocomplete: 'off' }} />
          <fieldset class={'check-field' + (faults['services'] ? ' has-fault' : '')} aria-describedby="app-services-fault">
            <legend>{t('app.services')}</legend>
            {services.map((s) => (
              <label key={s} class="check">
                <input type="checkbox" checked={chosen.includes(s)} onChange={(e) => setChosen(services.filter((x) => (x === s ? e.currentTarget.checked : chosen.includes(x))))} />
                {t(`app.service.${s}`)}
              </label>
            ))}
            <FaultText id="app-services-fault" fault={faults['services']} />
          </fieldset>
          {password}
          <div class="actions">
            <button type="submit" class="primary" aria-disabled={busy}>{t('app.go')}</button>
            <button type="button" class="quiet" onClick={() => setAsking(undefined)}>{t('cancel')}</button>
          </div>
        </form>
      )}
      {asking === 'only' && (
        <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); setOnly(!only) }}>
          {!only && <p>{t('app.only.hint')}</p>}
          {password}
          <div class="actions">
            <button type="submit" class="primary" aria-disabled={busy}>{t(only ? 'app.only.off' : 'app.only.on')}</button>
            <button type="button" class="quiet" onClick={() => setAsking(undefined)}>{t('cancel')}</button>
          </div>
        </form>
      )}
      {state.data && !asking && (
        <div class="row-actions">
          <button type="button" onClick={() => open('make')}><Icon name="plus" />{t('app.begin')}</button>
          {(all.length > 0 || only) && <button type="button" class="quiet" onClick={() => open('only')}>{t(only ? 'app.only.off' : 'app.only.on')}</button>}
        </div>
      )}
    </section>
  )
}
