import { useState } from 'preact/hooks'
import { call, type Person } from '../api'
import { Field } from '../parts/Field'
import { ProblemNote } from '../parts/parts'
import { useLoad } from './load'
import { Panel } from './Panel'
import { Saving } from './Saving'
import { t } from './texts'

interface Sizes {
  sizes: { who: string; bytes: number }[] // who is an address, or a domain
  most: number // that the box takes at all
}

const mebibyte = 1 << 20
const inMB = (bytes: number) => String(Math.round((bytes / mebibyte) * 100) / 100)

/** The largest message that somebody sends and gets. */
export function Largest({ person }: { person: Person }) {
  const state = useLoad(() => call<Sizes>('GET', '/api/sizes'), [])
  if (!state.data) return state.problem && !state.absent ? <Panel title={t('largest.title')}><ProblemNote problem={state.problem} /></Panel> : null
  return <LargestForm person={person} sizes={state.data} reload={state.reload} />
}

function LargestForm({ person, sizes: { sizes, most }, reload }: { person: Person; sizes: Sizes; reload: () => Promise<void> }) {
  const of = (who: string | undefined) => sizes.find((s) => s.who === who)?.bytes ?? 0
  const usual = of(person.address.split('@')[1]) || most
  const own = of(person.address)
  const [mb, setMb] = useState(own ? inMB(own) : '')
  const wanted = Number(mb.trim().replace(',', '.'))
  return (
    <Panel title={t('largest.title')}>
      <Saving said={t('saved')} check={() => ({ bytes: wanted >= 0 ? undefined : { message: t('room.wrong'), mend: t('largest.mend') } })}
        save={async () => { await call('PUT', '/api/sizes', { who: person.address, bytes: Math.round(wanted * mebibyte) }); await reload() }}>
        {(faults) => <Field label={t('largest.bound')} hint={t('largest.hint', { usual: inMB(usual) })} value={mb} onValue={setMb} fault={faults['bytes']} after={<span class="suffix">MB</span>} input={{ autocomplete: 'off' }} />}
      </Saving>
    </Panel>
  )
}
