import { useState } from 'preact/hooks'
import { call, Problem } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { useDeeds } from './act'
import { Lines, linesOf } from './Lines'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { Saving } from './Saving'
import { State } from './show'
import { t } from './texts'

interface List {
  zone: string
  action: 'refuse' | 'junk'
  trouble?: string
}

interface Lists {
  lists: List[]
  allow: string[]
}

interface Reporting {
  domain: string
  dmarc: boolean
  tls: boolean
}

/** /admin/flow/guards: lists of bad senders, and the reports that other domains get. */
export function Guards() {
  const lists = useLoad(() => call<Lists>('GET', '/api/blocklists'), [])
  const reports = useLoad(() => call<{ reports: Reporting[] }>('GET', '/api/reports').then((r) => r.reports), [])
  if (lists.absent) return <Note kind="info">{t('guard.absent')}</Note>
  return (
    <>
      <p class="soft below">{t('guard.lead')}</p>
      <ProblemNote problem={lists.problem ?? reports.problem} />
      {!lists.data && !lists.problem && <Busy label={t('loading')} />}
      {lists.data && <Asked was={lists.data} reload={lists.reload} />}
      {lists.data && <Allowed was={lists.data} reload={lists.reload} />}
      {reports.data && <Reports list={reports.data} reload={reports.reload} />}
    </>
  )
}

function Asked({ was, reload }: { was: Lists; reload: () => Promise<void> }) {
  const [zone, setZone] = useState('')
  const [action, setAction] = useState<List['action']>('junk')
  const { doing, said, problem, run } = useDeeds(reload)
  const set = (lists: List[]) => call('PUT', '/api/blocklists', { lists: lists.map(({ zone, action }) => ({ zone, action })), allow: was.allow })
  const name = zone.trim().toLowerCase()
  const add = async () => {
    const tried = await call<{ works: boolean; trouble: string }>('POST', '/api/blocklists/test', { zone: name })
    if (!tried.works) throw new Problem(400, t('guard.fails'), tried.trouble, 'zone')
    await set([...was.lists.filter((l) => l.zone !== name), { zone: name, action }])
    setZone('')
  }
  const fault = problem?.field === 'zone' ? { message: problem.message, mend: problem.whatToDo } : undefined
  return (
    <section class="panel narrow">
      <h2>{t('guard.lists')}</h2>
      <p class="soft">{t('guard.lists.text')}</p>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={fault ? undefined : problem} />
      {was.lists.length === 0 && <p>{t('guard.none')}</p>}
      {was.lists.length > 0 && (
        <ul class="cards">
          {was.lists.map((l) => (
            <li key={l.zone}>
              <strong class="break">{l.zone}</strong> <span class="soft">{t(`guard.${l.action}`)}</span> {l.trouble && <State kind="bad">{l.trouble}</State>}
              <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run(l.zone, () => set(was.lists.filter((o) => o !== l)), t('guard.removed', { zone: l.zone }))}>
                <Icon name={doing === l.zone ? 'busy' : 'remove'} />{t('people.act.remove')}<span class="unseen"> {l.zone}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <form noValidate onSubmit={(e) => { e.preventDefault(); void run('add', add, t('guard.added', { zone: name })) }}>
        <Field label={t('guard.zone')} hint={t('guard.zone.hint')} value={zone} onValue={setZone} fault={fault} input={{ inputMode: 'url', autocomplete: 'off' }} />
        <Pick label={t('guard.action')} value={action} onValue={(v) => setAction(v as List['action'])} options={[['junk', t('guard.junk')], ['refuse', t('guard.refuse')]]} />
        <div class="actions"><button type="submit" disabled={!name} aria-disabled={!!doing}>{doing === 'add' && <Icon name="busy" />}{t('guard.add')}</button></div>
      </form>
    </section>
  )
}

function Allowed({ was, reload }: { was: Lists; reload: () => Promise<void> }) {
  const [text, setText] = useState(was.allow.join('\n'))
  const save = async () => {
    await call('PUT', '/api/blocklists', { lists: was.lists.map(({ zone, action }) => ({ zone, action })), allow: linesOf(text) })
    await reload()
  }
  return (
    <section class="panel narrow">
      <h2>{t('guard.allow')}</h2>
      <Saving save={save} said={t('saved')}>
        {(faults) => <Lines label={t('guard.servers')} hint={t('guard.allow.hint')} value={text} onValue={setText} fault={faults['allow']} />}
      </Saving>
    </section>
  )
}

function Reports({ list, reload }: { list: Reporting[]; reload: () => Promise<void> }) {
  const all = list.find((r) => r.domain === '') ?? { domain: '', dmarc: true, tls: true }
  const [dmarc, setDMARC] = useState(all.dmarc)
  const [tls, setTLS] = useState(all.tls)
  const others = list.filter((r) => r.domain)
  const save = async () => {
    await call('PUT', '/api/reports', { domain: '', dmarc, tls })
    await reload()
  }
  return (
    <section class="panel narrow">
      <h2>{t('guard.reports')}</h2>
      <p class="soft">{t('guard.reports.text')}</p>
      <Saving save={save} said={t('saved')}>
        {() => (
          <>
            <Check label={t('guard.dmarc')} value={dmarc} onValue={setDMARC} />
            <Check label={t('guard.tls')} value={tls} onValue={setTLS} />
          </>
        )}
      </Saving>
      {others.length > 0 && <p class="soft break">{t('guard.others', { domains: others.map((r) => r.domain).join(', ') })}</p>}
    </section>
  )
}
