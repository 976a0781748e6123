import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { call, problemOf, refusal, unreachable, type Problem } from '../api'
import { Dialog } from '../parts/Dialog'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { go, path } from '../router'
import { useAct, type Close } from './act'
import { office } from './api'
import { Lines } from './Lines'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { Empty, whenText } from './show'
import { count, t } from './texts'

interface Rule {
  name: string
  in?: boolean
  out?: boolean
  internal?: boolean
  text?: boolean
  header?: boolean
  names?: boolean
  ready?: string[]
  pattern?: string
  words?: string[]
  least?: number
  action: 'hold' | 'redact' | 'refuse'
  unreadable?: 'hold' | 'pass'
}

const of = (domain: string) => '/api/domains/' + encodeURIComponent(domain) + '/content'
const directions = ['in', 'out', 'internal'] as const
const places = ['text', 'header', 'names'] as const
const ready = ['card', 'iban'] as const

/** /admin/flow/rules: what may not be in mail. */
export function Rules({ base }: { base: string }) {
  const domains = useLoad(office.domains, [])
  const own = (domains.data ?? []).filter((d) => !d.alias_of).map((d) => d.name)
  const [chosen, setChosen] = useState('')
  const domain = chosen || own[0] || ''
  return (
    <>
      <p class="soft below">{t('rule.lead')}</p>
      <ProblemNote problem={domains.problem} />
      {!domains.data && !domains.problem && <Busy label={t('loading')} />}
      {own.length > 1 && <div class="tools"><Pick label={t('rule.domain')} value={domain} onValue={setChosen} options={own.map((d) => [d, d] as const)} /></div>}
      {domain && <OfDomain key={domain} base={base} domain={domain} />}
    </>
  )
}

function OfDomain({ base, domain }: { base: string; domain: string }) {
  const loaded = useLoad(() => call<{ rules: Rule[] }>('GET', of(domain)).then((r) => r.rules), [])
  const [said, setSaid] = useState('')
  const [, , , , which, act] = path.value.split('/')
  const rules = loaded.data ?? []
  const at = which === 'add' ? -1 : Number(which)
  const chosen = useMemo(() => rules[at], [which, act, !loaded.data]) // stays what it was while somebody types, wherever it stands then
  const close: Close = (text) => {
    go(base)
    if (text) {
      setSaid(text)
      void loaded.reload()
    }
  }
  const put = (r: Rule, name: string) => (rules.some((o) => o.name === name) ? rules.map((o) => (o.name === name ? r : o)) : [...rules, r])
  const save = (list: Rule[]) => call('PUT', of(domain), { rules: list })
  if (loaded.absent) return <Note kind="info">{t('rule.absent')}</Note>
  return (
    <>
      <div class="tools"><a class="button primary" href={base + '/add'}><Icon name="plus" />{t('rule.add')}</a></div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={loaded.problem} />
      {loaded.data?.length === 0 && <Empty icon="shield" title={t('rule.none')}>{t('rule.none.text')}</Empty>}
      {rules.length > 0 && (
        <ul class="records">
          {rules.map((r, i) => (
            <li key={r.name} class="record">
              <div class="panel-head"><h2 class="break">{r.name}</h2></div>
              <p>{t(`rule.does.${r.action}`)} {t('rule.for', { mail: directions.filter((d) => r[d]).map((d) => t(`rule.${d}`)).join(', ') })}</p>
              <p class="soft break">{t('rule.looks', { what: looks(r) })}</p>
              <div class="row-actions">
                <a class="button" href={`${base}/${i}/edit`}><Icon name="edit" />{t('change')}<span class="unseen"> {r.name}</span></a>
                <a class="button" href={`${base}/${i}/try`}><Icon name="search" />{t('rule.try')}<span class="unseen"> {r.name}</span></a>
                <a class="button quiet" href={`${base}/${i}/remove`}><Icon name="remove" />{t('people.act.remove')}<span class="unseen"> {r.name}</span></a>
              </div>
            </li>
          ))}
        </ul>
      )}
      {loaded.data && which === 'add' && <Edit domain={domain} save={(r) => save([...rules, r])} close={close} />}
      {chosen && act === 'edit' && <Edit key={at} before={chosen} domain={domain} save={(r) => save(put(r, chosen.name))} close={close} />}
      {chosen && act === 'try' && <Try domain={domain} rule={chosen} close={() => close()} />}
      {chosen && act === 'remove' && <Remove rule={chosen} save={() => save(rules.filter((o) => o.name !== chosen.name))} close={close} />}
    </>
  )
}

const looks = (r: Rule) => [...(r.ready ?? []).map((x) => ((ready as readonly string[]).includes(x) ? t(`rule.ready.${x as (typeof ready)[number]}`) : x)), ...(r.words ?? []).map((w) => `“${w}”`), ...(r.pattern ? [r.pattern] : [])].join(', ')

function Edit({ before, domain, save, close }: { before?: Rule; domain: string; save: (r: Rule) => Promise<unknown>; close: Close }) {
  const [r, setR] = useState<Rule>(before ?? { name: '', out: true, ready: [], action: 'hold' })
  const [words, setWords] = useState((before?.words ?? []).join('\n'))
  const { busy, problem, faults, act } = useAct(close)
  const set = (change: Partial<Rule>) => setR({ ...r, ...change })
  const list = words.split('\n').map((w) => w.trim()).filter(Boolean)
  const rule: Rule = { ...r, name: r.name.trim(), words: list }
  const found = {
    name: rule.name ? undefined : { message: t('rule.name.missing'), mend: t('rule.name.mend') },
    words: list.length || rule.ready?.length || rule.pattern ? undefined : { message: t('rule.words.missing'), mend: t('rule.words.mend') },
    in: directions.some((d) => r[d]) ? undefined : { message: t('rule.mail.missing'), mend: t('rule.mail.mend') },
  }
  return (
    <Dialog title={before ? before.name : t('rule.add')} act={t('save')} busy={busy} problem={problem} onClose={() => close()} onAct={(form) => act(form, found, () => save(rule), t('rule.saved', { domain }))}>
      <Field label={t('rule.name')} hint={t('rule.name.hint')} value={r.name} onValue={(name) => set({ name })} fault={faults['name']} input={{ autocomplete: 'off' }} />
      <fieldset class="check-field">
        <legend>{t('rule.mail')}</legend>
        {directions.map((d) => <Check key={d} label={t(`rule.${d}`)} value={r[d] ?? false} onValue={(on) => set({ [d]: on })} />)}
        {faults['in'] && <p class="fault" role="alert"><Icon name="bad" size={16} /><span>{faults['in'].message} {faults['in'].mend}</span></p>}
      </fieldset>
      <fieldset class="check-field">
        <legend>{t('rule.ready')}</legend>
        {ready.map((x) => <Check key={x} label={t(`rule.ready.${x}`)} value={r.ready?.includes(x) ?? false} onValue={(on) => set({ ready: ready.filter((y) => (y === x ? on : r.ready?.includes(y))) })} />)}
      </fieldset>
      <Lines label={t('rule.words')} hint={t('rule.words.hint')} value={words} onValue={setWords} fault={faults['words']} />
      <Pick label={t('rule.action')} value={r.action} onValue={(v) => set({ action: v as Rule['action'] })} options={(['hold', 'redact', 'refuse'] as const).map((a) => [a, t(`rule.action.${a}`)] as const)} fault={faults['action']} />
      <details>
        <summary>{t('rule.more')}</summary>
        <fieldset class="check-field">
          <legend>{t('rule.where')}</legend>
          {places.map((p) => <Check key={p} label={t(`rule.${p}`)} value={r[p] ?? false} onValue={(on) => set({ [p]: on })} />)}
          <p class="hint">{t('rule.where.hint')}</p>
        </fieldset>
        <Field label={t('rule.pattern')} hint={t('rule.pattern.hint')} value={r.pattern ?? ''} onValue={(pattern) => set({ pattern })} fault={faults['pattern']} input={{ autocomplete: 'off', class: 'mono' }} />
        <Field label={t('rule.least')} value={r.least ? String(r.least) : ''} onValue={(v) => set({ least: Number(v) || 0 })} fault={faults['least']} input={{ autocomplete: 'off' }} />
        <Check label={t('rule.unreadable')} hint={t('rule.unreadable.hint')} value={r.unreadable === 'hold'} onValue={(on) => set({ unreadable: on ? 'hold' : 'pass' })} />
      </details>
    </Dialog>
  )
}

function Remove({ rule, save, close }: { rule: Rule; save: () => Promise<unknown>; close: Close }) {
  const { busy, problem, act } = useAct(close)
  return (
    <Dialog title={t('rule.remove', { name: rule.name })} act={t('people.act.remove')} danger busy={busy} problem={problem} onClose={() => close()} onAct={(form) => act(form, {}, save, t('rule.removed'))}>
      <p>{t('rule.remove.text')}</p>
    </Dialog>
  )
}

interface Line {
  example?: { of: string; folder: string; at: string; from: string; subject: string; found: { sample: string }[] }
  looked: number
  found: number
  failed: number
  done?: boolean
  problem?: { message: string; what_to_do?: string }
}

/** What a rule would have met: the box says so message by message. */
function Try({ domain, rule, close }: { domain: string; rule: Rule; close: () => void }) {
  const [days, setDays] = useState('30')
  const [state, setState] = useState<{ line?: Line; examples: NonNullable<Line['example']>[]; busy: boolean; problem?: Problem }>({ examples: [], busy: false })
  const left = useRef(new AbortController()) // the box stops looking when nobody waits for it
  useEffect(() => () => left.current.abort(), [])
  const look = async () => {
    setState({ examples: [], busy: true })
    try {
      await lines<Line>(of(domain) + '/try', { days: Number(days), rules: [rule] }, left.current.signal, (line) => setState((s) => ({ ...s, line, examples: line.example ? [...s.examples, line.example] : s.examples })))
      setState((s) => ({ ...s, busy: false }))
    } catch (error) {
      setState((s) => ({ ...s, busy: false, problem: problemOf(error) }))
    }
  }
  return (
    <Dialog title={t('rule.try.title', { name: rule.name })} act={t('rule.try.go')} busy={state.busy} problem={state.problem} onClose={close} onAct={() => void look()}>
      <p>{t('rule.try.text')}</p>
      <Field label={t('rule.try.days')} value={days} onValue={setDays} input={{ autocomplete: 'off' }} />
      <div aria-live="polite">
        {state.line && <p><strong>{count('rule.try.found', state.line.found)}</strong> {count('rule.try.looked', state.line.looked)}</p>}
        {state.line?.problem && <Note kind="bad" title={state.line.problem.message}>{state.line.problem.what_to_do}</Note>}
      </div>
      {state.examples.length > 0 && (
        <ul class="cards">
          {state.examples.slice(0, 20).map((e, i) => (
            <li key={i} class="break"><strong>{e.subject || '—'}</strong> <span class="soft">{e.from} · {whenText(e.at)} · {e.found.map((f) => f.sample).join(', ')}</span></li>
          ))}
        </ul>
      )}
    </Dialog>
  )
}

/** Reads an answer that comes line by line. */
async function lines<T>(to: string, body: unknown, signal: AbortSignal, each: (line: T) => void) {
  const response = await fetch(to, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal }).catch(() => { throw unreachable() })
  if (!response.ok || !response.body) throw refusal(response.status, await response.text())
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (let rest = ''; ;) {
    const { value, done } = await reader.read()
    const all = (rest + (value ?? '')).split('\n')
    rest = done ? '' : all.pop()!
    for (const line of all) if (line) each(JSON.parse(line) as T)
    if (done) return
  }
}
