import { useEffect, useRef, useState } from 'preact/hooks'
import { call } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { t } from '../parts/own'
import { useDeeds } from './act'
import { undoOf } from './api'
import { useLoad } from './load'
import { Pick } from './Pick'
import { Saving } from './Saving'

interface Share {
  owner: string
  mailbox: string
  who: string // an address, or anyone
  rights: string // letters of RFC 4314
}

const anyone = 'anyone'

/** What an office means, as letters of RFC 4314: the box tells a choice by its letters again. */
const kinds = { read: 'lrs', write: 'lrswite', all: 'lrswipkxtea' } as const
type Kind = keyof typeof kinds

function kindOf(rights: string): Kind | undefined {
  const letters = (text: string) => [...text].sort().join('')
  return (Object.keys(kinds) as Kind[]).find((k) => letters(kinds[k]) === letters(rights))
}

/** Which folders are open to others: one's own, or for administrators those of the one with an address. */
export function Shares({ of }: { of?: string }) {
  const at = '/api/shares' + (of ? '?' + new URLSearchParams({ owner: of }) : '')
  const state = useLoad(() => call<{ shares: Share[]; received: Share[] }>('GET', at), [at])
  const folders = useLoad(undoOf(of).folders, [of])
  const { doing, said, problem, run } = useDeeds(state.reload)
  const [change, setChange] = useState<{ count: number; share?: Share }>({ count: 0 })
  if (state.absent) return null
  const end = (s: Share) => call('DELETE', '/api/shares?' + new URLSearchParams({ ...(of && { owner: of }), mailbox: s.mailbox, who: s.who }))
  return (
    <section class={of ? 'panel narrow' : 'panel'}>
      <h2>{t('share.title')}</h2>
      <p class="hint">{t('share.hint')}</p>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? state.problem} />
      {!state.data && !state.problem && <Busy label={t('loading')} />}
      {state.data?.shares.length === 0 && <p>{t('share.none')}</p>}
      <ul class="signed-in">
        {state.data?.shares.map((s) => (
          <li key={s.mailbox + s.who}>
            <div>
              <strong class="break">{s.mailbox}</strong>
              <span class="soft break">{whoText(s)}: {rightsText(s)}</span>
            </div>
            <div class="row-actions">
              <button type="button" class="quiet" onClick={() => setChange({ count: change.count + 1, share: s })}>
                <Icon name="edit" />{t('change')}<span class="unseen"> {s.mailbox}, {whoText(s)}</span>
              </button>
              <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run(s.mailbox + s.who, () => end(s), t('share.ended'))}>
                <Icon name={doing === s.mailbox + s.who ? 'busy' : 'remove'} />{t('share.end')}<span class="unseen"> {s.mailbox}, {whoText(s)}</span>
              </button>
            </div>
          </li>
        ))}
      </ul>
      {(state.data?.received.length ?? 0) > 0 && (
        <>
          <h3>{of ? t('share.received.of', { who: of }) : t('share.received')}</h3>
          <ul class="signed-in">
            {state.data?.received.map((s) => (
              <li key={s.owner + s.mailbox}><div><strong class="break">{s.mailbox}</strong> <span class="soft break">{s.owner} · {rightsText(s)}</span></div></li>
            ))}
          </ul>
        </>
      )}
      {folders.data && <Open key={change.count} from={change.share} folders={folders.data.mailboxes.map((f) => f.name)} of={of} reload={state.reload} />}
    </section>
  )
}

const whoText = (s: Share) => s.who === anyone ? t('share.anyone') : s.who
const rightsText = (s: Share) => {
  const kind = kindOf(s.rights)
  return kind ? t(`share.${kind}`) : t('share.letters', { letters: s.rights })
}

/** Opens a folder, or goes out from what is open already to change who may do what there. */
function Open({ from, folders, of, reload }: { from: Share | undefined; folders: readonly string[]; of: string | undefined; reload: () => Promise<void> }) {
  const [mailbox, setMailbox] = useState(from?.mailbox ?? folders[0] ?? '')
  const [all, setAll] = useState(from?.who === anyone)
  const [who, setWho] = useState(from && from.who !== anyone ? from.who : '')
  const [kind, setKind] = useState<Kind>((from && kindOf(from.rights)) ?? 'read')
  const rights = useRef<HTMLDivElement>(null)
  useEffect(() => { if (from) rights.current?.querySelector('select')?.focus() }, [])
  const save = async () => {
    await call('PUT', '/api/shares', { owner: of ?? '', mailbox, who: all ? anyone : who.trim().toLowerCase(), rights: kinds[kind] })
    setWho('')
    await reload()
  }
  const check = () => ({ who: all || who.trim() ? undefined : { message: t('share.who.missing'), mend: t('share.who.mend') } })
  return (
    <Saving check={check} save={save} said={t('share.done')} act={t('share.go')}>
      {(faults) => (
        <>
          <Pick label={t('share.folder')} value={mailbox} onValue={setMailbox} options={folders.map((f) => [f, f] as const)} fault={faults['mailbox']} />
          <Pick label={t('share.to')} value={all ? 'all' : 'one'} onValue={(v) => setAll(v === 'all')} options={[['one', t('share.person')], ['all', t('share.anyone')]]} />
          {!all && <Field label={t('share.who')} value={who} onValue={setWho} fault={faults['who']} input={{ inputMode: 'email', autocomplete: 'off' }} />}
          <div ref={rights}><Pick label={t('share.may')} value={kind} onValue={(v) => setKind(v as Kind)} options={(['read', 'write', 'all'] as const).map((k) => [k, t(`share.${k}`)] as const)} fault={faults['rights']} /></div>
        </>
      )}
    </Saving>
  )
}
