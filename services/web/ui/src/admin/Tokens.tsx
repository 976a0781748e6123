import { useState } from 'preact/hooks'
import { call } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, CopyButton, Note, ProblemNote } from '../parts/parts'
import { useAct, useDeeds } from './act'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { dayText, whenText } from './show'
import { t } from './texts'

interface Token {
  id: string
  name: string
  owner: string
  created: string
  scopes: string[]
  used?: string
  peer?: string
}

const areas = ['people', 'trace', 'mail', 'health', 'box', 'account'] as const

/** /admin/box/tokens: what scripts and other machines may do here. */
export function Tokens() {
  const loaded = useLoad(() => call<{ tokens: Token[] }>('GET', '/api/tokens').then((r) => r.tokens), [])
  const { doing, said, problem, run } = useDeeds(loaded.reload)
  return (
    <>
      <p class="soft below">{t('token.lead')} <a href="/api/openapi.json" data-load>{t('token.api')}</a></p>
      <ProblemNote problem={problem ?? (loaded.absent ? undefined : loaded.problem)} />
      {said && <Note kind="good" live>{said}</Note>}
      {loaded.absent && <Note kind="info">{t('token.absent')}</Note>}
      {!loaded.data && !loaded.problem && <Busy label={t('loading')} />}
      {loaded.data && <Make reload={loaded.reload} />}
      {loaded.data?.length === 0 && <p class="empty">{t('token.none')}</p>}
      {loaded.data?.map((k) => (
        <section key={k.id} class="panel narrow">
          <h2 class="break">{k.name}</h2>
          <dl class="facts">
            <dt>{t('token.for')}</dt>
            <dd>{scopesText(k.scopes)}</dd>
            <dt>{t('token.owner')}</dt>
            <dd class="break">{k.owner}</dd>
            <dt>{t('token.made')}</dt>
            <dd>{dayText(k.created)}</dd>
            <dt>{t('token.used')}</dt>
            <dd>{k.used ? t('token.used.at', { when: whenText(k.used), peer: k.peer ?? '' }) : t('token.unused')}</dd>
          </dl>
          <div class="row-actions">
            <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run(k.id, () => call('DELETE', '/api/tokens/' + k.id), t('token.ended', { name: k.name }))}>
              <Icon name={doing === k.id ? 'busy' : 'remove'} />{t('token.end')}<span class="unseen"> {k.name}</span>
            </button>
          </div>
        </section>
      ))}
    </>
  )
}

function scopeText(scope: string): string {
  const [area = '', read] = scope.split(':')
  const name = area === 'all' ? t('token.area.all') : (areas as readonly string[]).includes(area) ? t(`token.area.${area as (typeof areas)[number]}`) : area
  return read ? t('token.read', { area: name }) : name
}

const scopesText = (scopes: readonly string[]) => (scopes.length ? scopes.map(scopeText).join(', ') : t('token.all'))

function Make({ reload }: { reload: () => Promise<void> }) {
  const [name, setName] = useState('')
  const [what, setWhat] = useState<'some' | 'read' | 'all'>('some')
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [change, setChange] = useState(false)
  const [text, setText] = useState('')
  const { busy, problem, faults, act, over } = useAct(() => undefined)
  const scopes = what === 'all' ? [] : what === 'read' ? ['all:read'] : chosen.map((a) => (change ? a : a + ':read'))
  const make = async () => {
    setText((await call<{ token: string }>('POST', '/api/tokens', { name: name.trim(), scopes })).token)
    setName('')
    await reload()
  }
  const check = () => ({
    name: name.trim() ? undefined : { message: t('token.name.missing'), mend: t('token.name.mend') },
    scopes: what === 'some' && chosen.length === 0 ? { message: t('token.some.missing'), mend: t('token.some.mend') } : undefined,
  })
  return (
    <section class="panel narrow">
      <h2>{t('token.new')}</h2>
      {text && (
        <Note kind="good" live title={t('token.shown')}>
          <p class="copy-line"><code class="break">{text}</code><CopyButton text={text} label={t('token.new')} /></p>
        </Note>
      )}
      <form noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void act(e.currentTarget, check(), make, '').then(over) }}>
        <ProblemNote problem={problem} />
        <Field label={t('token.name')} hint={t('token.name.hint')} value={name} onValue={setName} fault={faults['name']} input={{ autocomplete: 'off' }} />
        <Pick label={t('token.may')} value={what} onValue={(v) => setWhat(v as typeof what)} fault={faults['scopes']}
          options={[['some', t('token.may.some')], ['read', t('token.may.read')], ['all', t('token.may.all')]]} />
        {what === 'some' && (
          <>
            <fieldset class="check-field">
              <legend>{t('token.areas')}</legend>
              {areas.map((a) => <Check key={a} label={t(`token.area.${a}`)} value={chosen.includes(a)} onValue={(on) => setChosen(areas.filter((x) => (x === a ? on : chosen.includes(x))))} />)}
            </fieldset>
            <Check label={t('token.change')} hint={t('token.change.hint')} value={change} onValue={setChange} />
          </>
        )}
        <div class="actions"><button type="submit" aria-disabled={busy}>{busy && <Icon name="busy" />}{t('token.make')}</button></div>
      </form>
    </section>
  )
}
