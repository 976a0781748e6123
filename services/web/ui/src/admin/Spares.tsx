import { useState } from 'preact/hooks'
import { call } from '../api'
import { domainFault, tidyDomain } from '../check/address'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { useDeeds } from './act'
import { Lines, linesOf } from './Lines'
import { useLoad } from './load'
import { Saving } from './Saving'
import { count, t } from './texts'

interface Answer {
  spares: { domain: string; recipients: string[] }[]
  servers: string[]
}

/** /admin/flow/spare: for whom the box is a spare mail server, and which servers are the office's own. */
export function Spares() {
  const loaded = useLoad(() => call<Answer>('GET', '/api/spares'), [])
  const { doing, said, problem, run } = useDeeds(loaded.reload)
  if (loaded.absent) return <Note kind="info">{t('spare.absent')}</Note>
  return (
    <>
      <ProblemNote problem={problem ?? loaded.problem} />
      {said && <Note kind="good" live>{said}</Note>}
      {!loaded.data && !loaded.problem && <Busy label={t('loading')} />}
      {loaded.data && (
        <>
          <section class="panel narrow">
            <h2>{t('spare.title')}</h2>
            <p class="soft">{t('spare.text')}</p>
            {loaded.data.spares.length > 0 && (
              <ul class="cards">
                {loaded.data.spares.map((s) => (
                  <li key={s.domain}>
                    <strong class="break">{s.domain}</strong> <span class="soft">{s.recipients.length ? count('spare.some', s.recipients.length) : t('spare.all')}</span>
                    <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run(s.domain, () => call('DELETE', '/api/spares/' + encodeURIComponent(s.domain)), t('spare.removed', { domain: s.domain }))}>
                      <Icon name={doing === s.domain ? 'busy' : 'remove'} />{t('people.act.remove')}<span class="unseen"> {s.domain}</span>
                    </button>
                  </li>
                ))}
              </ul>
            )}
            <Add reload={loaded.reload} />
          </section>
          <Servers was={loaded.data.servers} reload={loaded.reload} />
        </>
      )}
    </>
  )
}

function Add({ reload }: { reload: () => Promise<void> }) {
  const [domain, setDomain] = useState('')
  const [names, setNames] = useState('')
  const save = async () => {
    await call('PUT', '/api/spares/' + encodeURIComponent(tidyDomain(domain)), { recipients: linesOf(names).map((n) => n.split('@')[0]) })
    setDomain('')
    setNames('')
    await reload()
  }
  return (
    <Saving check={() => ({ domain: domainFault(tidyDomain(domain)) })} save={save} said={t('spare.added')} act={t('spare.add')}>
      {(faults) => (
        <>
          <Field label={t('spare.domain')} value={domain} onValue={setDomain} fault={faults['domain']} input={{ inputMode: 'url', autocomplete: 'off' }} />
          <Lines label={t('spare.names')} hint={t('spare.names.hint')} value={names} onValue={setNames} fault={faults['recipients']} />
        </>
      )}
    </Saving>
  )
}

function Servers({ was, reload }: { was: string[]; reload: () => Promise<void> }) {
  const [text, setText] = useState(was.join('\n'))
  const save = async () => {
    await call('PUT', '/api/spare-servers', { servers: linesOf(text) })
    await reload()
  }
  return (
    <section class="panel narrow">
      <h2>{t('spare.own')}</h2>
      <p class="soft">{t('spare.own.text')}</p>
      <Saving save={save} said={t('saved')}>
        {(faults) => <Lines label={t('spare.servers')} hint={t('guard.allow.hint')} value={text} onValue={setText} fault={faults['servers']} />}
      </Saving>
    </section>
  )
}
