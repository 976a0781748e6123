import { useEffect, useId, useState } from 'preact/hooks'
import { FaultText } from '../parts/Field'
import { Title } from '../parts/parts'
import { locale, t } from '../texts'
import { StepForm } from './step'
import { change, draft, faultsOf } from './state'

/** Zones by region, the browser's own first in the list. */
function zones(): Map<string, string[]> {
  const byRegion = new Map<string, string[]>()
  for (const zone of new Set([...Intl.supportedValuesOf('timeZone'), draft.value.timezone, 'UTC'])) {
    const region = zone.includes('/') ? zone.slice(0, zone.indexOf('/')) : t('time.rest')
    byRegion.set(region, [...(byRegion.get(region) ?? []), zone])
  }
  return byRegion
}

/** The time in a zone, renewed each second. */
function useClock(zone: string): string {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 1000)
    return () => clearInterval(timer)
  }, [])
  try {
    return now.toLocaleTimeString(locale, { timeZone: zone, weekday: 'long', hour: '2-digit', minute: '2-digit' })
  } catch {
    return ''
  }
}

/** Screen 2: where the office is, as far as clocks go. */
export function TimeScreen() {
  const id = useId()
  const zone = draft.value.timezone
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  const clock = useClock(zone)
  const fault = faultsOf('time')['timezone']
  return (
    <>
      <Title lead={t('time.lead')}>{t('time.title')}</Title>
      <StepForm step="time">
        <div class="field">
          <label for={id}>{t('time.label')}</label>
          <div id={id + '-hint'} class="hint">{zone === own ? t('time.browser') : t('time.chosen')}</div>
          <div class="box">
            <select id={id} value={zone} aria-describedby={id + '-hint ' + id + '-fault'} aria-invalid={fault ? 'true' : undefined}
              onChange={(e) => change({ timezone: e.currentTarget.value })}>
              {[...zones()].map(([region, list]) => (
                <optgroup key={region} label={region}>
                  {list.map((z) => (
                    <option key={z} value={z} selected={z === zone}>{z.slice(z.indexOf('/') + 1).replace(/_/g, ' ').replace(/\//g, ', ')}</option>
                  ))}
                </optgroup>
              ))}
            </select>
          </div>
          <FaultText id={id + '-fault'} fault={fault} />
        </div>
        <p class="clock">
          <span>{t('time.there')}</span>
          <strong>{clock}</strong>
        </p>
      </StepForm>
    </>
  )
}
