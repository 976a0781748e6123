import { useState } from 'preact/hooks'
import { call, type Person } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { CopyButton, Note, ProblemNote } from '../parts/parts'
import { useDeeds } from './act'
import { useLoad } from './load'
import { Panel } from './Panel'
import { Pick } from './Pick'
import { Saving } from './Saving'
import { t } from './texts'

interface POP3 {
  who: string
  leave: number // days; always: until somebody deletes it
  login_delay: number // seconds
}

const always = -1

/** A whole number as somebody types it; -1 where it is none. */
const whole = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text.trim()) : -1)

/** What holds when somebody's mail is fetched by POP3. */
export function Fetching({ person }: { person: Person }) {
  const state = useLoad(() => call<{ pop3: POP3[] }>('GET', '/api/pop3').then((r) => r.pop3.find((p) => p.who === person.address) ?? { who: person.address, leave: always, login_delay: 0 }), [person.address])
  if (!state.data) return state.problem && !state.absent ? <Panel title={t('pop.title')}><ProblemNote problem={state.problem} /></Panel> : null
  return <FetchingForm set={state.data} reload={state.reload} />
}

function FetchingForm({ set, reload }: { set: POP3; reload: () => Promise<void> }) {
  const [leave, setLeave] = useState(set.leave > 0 ? 'days' : String(set.leave))
  const [days, setDays] = useState(set.leave > 0 ? String(set.leave) : '14')
  const [delay, setDelay] = useState(String(set.login_delay))
  const number = (text: string) => (whole(text) < 0 ? { message: t('pop.number'), mend: t('pop.number.mend') } : undefined)
  const inDays = leave === 'days'
  return (
    <Panel title={t('pop.title')}>
      <p class="soft">{t('pop.text')}</p>
      <Saving said={t('saved')} check={() => ({ leave: inDays ? number(days) : undefined, login_delay: number(delay) })}
        save={async () => { await call('PUT', '/api/pop3', { who: set.who, leave: inDays ? whole(days) : Number(leave), login_delay: whole(delay) }); await reload() }}>
        {(faults) => (
          <>
            <Pick label={t('pop.leave')} hint={t(leave === '-1' ? 'pop.leave.always.hint' : 'pop.leave.hint')} value={leave} onValue={setLeave}
              options={[['-1', t('pop.leave.always')], ['days', t('pop.leave.days')], ['0', t('pop.leave.none')]]} />
            {inDays && <Field label={t('pop.days')} value={days} onValue={setDays} fault={faults['leave']} input={{ autocomplete: 'off' }} />}
            <Field label={t('pop.delay')} hint={t('pop.delay.hint')} value={delay} onValue={setDelay} fault={faults['login_delay']} after={<span class="suffix">s</span>} input={{ autocomplete: 'off' }} />
          </>
        )}
      </Saving>
    </Panel>
  )
}

/** A secret for programs that know nothing but APOP. */
export function OldLogIn({ person }: { person: Person }) {
  const state = useLoad(() => call<{ apop: string[] }>('GET', '/api/apop').then((r) => r.apop.includes(person.address)), [person.address])
  const [secret, setSecret] = useState('')
  const { doing, said, problem, run } = useDeeds(state.reload)
  if (state.absent) return null
  const make = () => run('make', async () => setSecret((await call<{ secret: string }>('POST', '/api/apop', { who: person.address })).secret), '')
  const end = () => run('end', async () => { await call('DELETE', '/api/apop/' + encodeURIComponent(person.address)); setSecret('') }, t('apop.ended'))
  return (
    <Panel title={t('apop.title')}>
      <p class="soft">{t('apop.text')}</p>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? state.problem} />
      {secret && (
        <Note kind="wait" live title={t('apop.shown')}>
          <p class="copy-line"><code class="break">{secret}</code><CopyButton text={secret} label={t('apop.copy')} /></p>
        </Note>
      )}
      {state.data !== undefined && <p>{t(state.data ? 'apop.on' : 'apop.off')}</p>}
      <div class="row-actions">
        <button type="button" aria-disabled={!!doing} onClick={() => void make()}><Icon name={doing === 'make' ? 'busy' : 'key'} />{t(state.data ? 'apop.again' : 'apop.make')}</button>
        {state.data && <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void end()}><Icon name={doing === 'end' ? 'busy' : 'remove'} />{t('apop.end')}</button>}
      </div>
    </Panel>
  )
}
