import { useState } from 'preact/hooks'
import { call } from '../api'
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
  leave: number // days; always: until somebody deletes it
  login_delay: number // seconds
}

const always = -1

/** A whole number as somebody types it; -1 where it is none. */
const whole = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text.trim()) : -1)

const popOf = async (of?: string): Promise<POP3> => {
  if (!of) return call<POP3>('GET', '/api/me/pop3')
  const { pop3 } = await call<{ pop3: (POP3 & { who: string })[] }>('GET', '/api/pop3')
  return pop3.find((p) => p.who === of) ?? { leave: always, login_delay: 0 }
}

/** What holds when mail is fetched by POP3: one's own, or for administrators that of the one with an address. */
export function Fetching({ of }: { of?: string }) {
  const state = useLoad(() => popOf(of), [of])
  if (!state.data) return state.problem && !state.absent ? <Panel title={t('pop.title')}><ProblemNote problem={state.problem} /></Panel> : null
  return <FetchingForm set={state.data} of={of} reload={state.reload} />
}

function FetchingForm({ set, of, reload }: { set: POP3; of: string | undefined; reload: () => Promise<void> }) {
  const [leave, setLeave] = useState(set.leave > 0 ? 'days' : String(set.leave))
  const [days, setDays] = useState(set.leave > 0 ? String(set.leave) : '14')
  const [delay, setDelay] = useState(String(set.login_delay))
  const number = (text: string) => (whole(text) < 0 ? { message: t('pop.number'), mend: t('pop.number.mend') } : undefined)
  const inDays = leave === 'days'
  const save = async () => {
    const stays = inDays ? whole(days) : Number(leave)
    await (of ? call('PUT', '/api/pop3', { who: of, leave: stays, login_delay: whole(delay) }) : call('PUT', '/api/me/pop3', { leave: stays }))
    await reload()
  }
  return (
    <Panel title={t('pop.title')}>
      <p class="soft">{t('pop.text')}</p>
      <Saving said={t('saved')} check={() => ({ leave: inDays ? number(days) : undefined, login_delay: of ? number(delay) : undefined })} save={save}>
        {(faults) => (
          <>
            <Pick label={t('pop.leave')} hint={t(leave === '-1' ? 'pop.leave.always.hint' : of ? 'pop.leave.hint' : 'me.pop.leave.hint')} value={leave} onValue={setLeave}
              options={[['-1', t('pop.leave.always')], ['days', t('pop.leave.days')], ['0', t('pop.leave.none')]]} />
            {inDays && <Field label={t('pop.days')} value={days} onValue={setDays} fault={faults['leave']} input={{ autocomplete: 'off' }} />}
            {of && <Field label={t('pop.delay')} hint={t('pop.delay.hint')} value={delay} onValue={setDelay} fault={faults['login_delay']} after={<span class="suffix">s</span>} input={{ autocomplete: 'off' }} />}
            {!of && set.login_delay > 0 && <p class="soft">{t('me.pop.delay', { seconds: String(set.login_delay) })}</p>}
          </>
        )}
      </Saving>
    </Panel>
  )
}

const apopOf = (of?: string) => {
  if (!of) {
    return {
      has: () => call<{ on: boolean }>('GET', '/api/me/apop').then((r) => r.on),
      make: () => call<{ secret: string }>('POST', '/api/me/apop'),
      end: () => call<void>('DELETE', '/api/me/apop'),
    }
  }
  return {
    has: () => call<{ apop: string[] }>('GET', '/api/apop').then((r) => r.apop.includes(of)),
    make: () => call<{ secret: string }>('POST', '/api/apop', { who: of }),
    end: () => call<void>('DELETE', '/api/apop/' + encodeURIComponent(of)),
  }
}

/** A secret for programs that know nothing but APOP: for oneself where it was allowed, or for the one with an address. */
export function OldLogIn({ of }: { of?: string }) {
  const apop = apopOf(of)
  const state = useLoad(apop.has, [of])
  const [secret, setSecret] = useState('')
  const { doing, said, problem, run } = useDeeds(state.reload)
  if (state.absent || (!of && !state.data && !said && !problem)) return null
  const make = () => run('make', async () => setSecret((await apop.make()).secret), '')
  const end = () => run('end', async () => { await apop.end(); setSecret('') }, t('apop.ended'))
  return (
    <Panel title={t('apop.title')}>
      <p class="soft">{t(of ? 'apop.text' : 'me.apop.text')}</p>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? state.problem} />
      {secret && (
        <Note kind="wait" live title={t('apop.shown')}>
          <p class="copy-line"><code class="break">{secret}</code><CopyButton text={secret} label={t('apop.copy')} /></p>
        </Note>
      )}
      {state.data !== undefined && <p>{t(state.data ? 'apop.on' : 'apop.off')}</p>}
      <div class="row-actions">
        {(of || state.data) && <button type="button" aria-disabled={!!doing} onClick={() => void make()}><Icon name={doing === 'make' ? 'busy' : 'key'} />{t(state.data ? 'apop.again' : 'apop.make')}</button>}
        {state.data && <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void end()}><Icon name={doing === 'end' ? 'busy' : 'remove'} />{t('apop.end')}</button>}
      </div>
    </Panel>
  )
}
