import { useState } from 'preact/hooks'
import { call } from '../api'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { Lines, linesOf } from './Lines'
import { useLoad } from './load'
import { Check, Pick } from './Pick'
import { Saving } from './Saving'
import { t } from './texts'

const services = ['imap', 'pop3', 'submission'] as const
type Service = (typeof services)[number]

interface Admitted {
  office: string[]
  doors: Record<Service, string[]>
  paths: boolean
}

const everybody = ['0.0.0.0/0', '::/0']
const isEverybody = (list: string[]) => everybody.every((n) => list.includes(n))

/** /admin/box/admission: whom the box lets in beside its own network. */
export function Admission() {
  const loaded = useLoad(() => call<Admitted>('GET', '/api/admission'), [])
  return (
    <>
      <ProblemNote problem={loaded.absent ? undefined : loaded.problem} />
      {loaded.absent && <Note kind="info">{t('adm.absent')}</Note>}
      {!loaded.data && !loaded.problem && <Busy label={t('loading')} />}
      {loaded.data && <Form was={loaded.data} reload={loaded.reload} />}
    </>
  )
}

type Whom = 'office' | 'all' | 'some'

function Form({ was, reload }: { was: Admitted; reload: () => Promise<void> }) {
  const [office, setOffice] = useState(was.office.join('\n'))
  const [paths, setPaths] = useState(was.paths)
  const [whom, setWhom] = useState(Object.fromEntries(services.map((s) => {
    const list = was.doors[s] ?? []
    return [s, list.length === 0 ? 'office' : isEverybody(list) ? 'all' : 'some']
  })) as Record<Service, Whom>)
  const [some, setSome] = useState(Object.fromEntries(services.map((s) => [s, isEverybody(was.doors[s] ?? []) ? '' : (was.doors[s] ?? []).join('\n')])) as Record<Service, string>)
  const save = async () => {
    await call<void>('PUT', '/api/admission', {
      office: linesOf(office),
      doors: Object.fromEntries(services.map((s) => [s, whom[s] === 'office' ? [] : whom[s] === 'all' ? everybody : linesOf(some[s])])),
      paths,
    })
    await reload()
  }
  const check = () => Object.fromEntries(services.map((s) => [s, whom[s] === 'some' && linesOf(some[s]).length === 0 ? { message: t('adm.none'), mend: t('adm.none.mend') } : undefined]))
  return (
    <section class="panel narrow">
      <p>{t('adm.text')}</p>
      <Saving check={check} save={save} said={t('adm.saved')}>
        {(faults) => (
          <>
            <Lines label={t('adm.office')} hint={t('adm.office.hint')} value={office} onValue={setOffice} fault={faults['office']} rows={2} />
            {services.map((s) => (
              <div key={s}>
                <Pick label={t(`adm.${s}`)} value={whom[s]} onValue={(v) => setWhom({ ...whom, [s]: v as Whom })}
                  options={[['office', t('adm.whom.office')], ['some', t('adm.whom.some')], ['all', t('adm.whom.all')]]} />
                {whom[s] === 'some' && <Lines label={t(`adm.${s}.some`)} hint={t('adm.some.hint')} value={some[s]} onValue={(v) => setSome({ ...some, [s]: v })} fault={faults[s] ?? faults['doors']} rows={2} />}
              </div>
            ))}
            {services.some((s) => whom[s] === 'all') && <Note kind="wait" title={t('adm.all')}>{t('adm.all.text')}</Note>}
            <Check label={t('adm.paths')} hint={t('adm.paths.hint')} value={paths} onValue={setPaths} />
          </>
        )}
      </Saving>
    </section>
  )
}
