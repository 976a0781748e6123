import { api, type Device } from '../api'
import { readAgent } from '../check/agent'
import { Busy, ProblemNote } from '../parts/parts'
import { t } from '../parts/own'
import { locale } from '../texts'
import { useLoad } from './load'

const when = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })

function nameOf(d: Device): string {
  if (d.service !== 'pages') return d.client ?? t('device.unnamed')
  const { browser, system } = readAgent(d.client ?? '')
  if (browser && system) return t('signedin.on', { browser, system })
  return browser || system || t('signedin.unnamed')
}

/** With what somebody has logged in: oneself, or for administrators the one with an address. */
export function Devices({ of }: { of?: string }) {
  const state = useLoad(() => api.devices(of), [of])
  if (state.absent) return null
  return (
    <section class={of ? 'panel narrow' : 'panel'}>
      <h2>{t('device.title')}</h2>
      {!of && <p class="hint">{t('device.hint')}</p>}
      <ProblemNote problem={state.problem} />
      {!state.data && !state.problem && <Busy label={t('loading')} />}
      {state.data?.length === 0 && <p>{t('device.none')}</p>}
      <ul class="signed-in">
        {state.data?.map((d) => (
          <li key={[d.service, d.client, d.program, d.network].join(' ')}>
            <div>
              <strong>{nameOf(d)}{d.app_password && ' ' + t('device.by', { name: d.app_password })}</strong>
              <span class="soft">
                {t('device.seen', { service: t(`app.service.${d.service}`), network: d.network, when: when.format(new Date(d.last)) })}, {t('device.since', { when: day.format(new Date(d.first)) })}
              </span>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
