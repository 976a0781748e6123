import { useState } from 'preact/hooks'
import { call } from '../api'
import { fingerprintOf, fingerprintFault } from '../check/certificate'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Fingerprint, Note, ProblemNote } from '../parts/parts'
import { useDeeds } from './act'
import { useLoad } from './load'
import { Panel } from './Panel'
import { Saving } from './Saving'
import { dayText } from './show'
import { t } from './texts'

interface Certificate {
  sha256: string
  name: string
  added?: string
}

const inPairs = (hex: string) => hex.toUpperCase().replace(/(..)(?=.)/g, '$1:')

interface Certificates {
  certificates: Certificate[]
  asked: boolean // the box asks programs for certificates
}

const certificatesOf = (of?: string) => {
  const at = of ? '/api/certificates' : '/api/me/certificates'
  return {
    list: async (): Promise<Certificates> => {
      if (!of) return call<Certificates>('GET', at)
      const all = await call<{ certificates: (Certificate & { who: string })[] }>('GET', at)
      return { certificates: all.certificates.filter((c) => c.who === of), asked: true } // an administrator's is the first
    },
    add: (c: Certificate) => call<void>('PUT', at, of ? { who: of, ...c } : c),
    end: (sha256: string) => call<void>('DELETE', at + '/' + sha256),
  }
}

/** Certificates by which programs log in without a password: one's own, or those of the one with an address. */
export function LogInCertificates({ of }: { of?: string }) {
  const book = certificatesOf(of)
  const state = useLoad(book.list, [of])
  const { doing, said, problem, run } = useDeeds(state.reload)
  if (state.absent) return null
  const list = state.data?.certificates ?? []
  return (
    <Panel title={t('logincert.title')}>
      <p class="soft">{t('logincert.text')}</p>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? state.problem} />
      <ul class="cards">
        {list.map((c) => (
          <li key={c.sha256}>
            <strong class="break">{c.name || t('logincert.nameless')}</strong>
            {c.added && <p class="soft">{t('logincert.added', { day: dayText(c.added) })}</p>}
            <p class="soft"><Fingerprint text={inPairs(c.sha256)} /></p>
            <div class="row-actions">
              <button type="button" class="quiet" aria-disabled={!!doing} onClick={() => void run(c.sha256, () => book.end(c.sha256), t('logincert.ended', { name: c.name || t('logincert.nameless') }))}>
                <Icon name={doing === c.sha256 ? 'busy' : 'remove'} />{t('logincert.end')}<span class="unseen"> {c.name}</span>
              </button>
            </div>
          </li>
        ))}
      </ul>
      {state.data && (state.data.asked ? <Add add={book.add} reload={state.reload} /> : <p>{t('me.logincert.first')}</p>)}
    </Panel>
  )
}

function Add({ add, reload }: { add: (c: Certificate) => Promise<void>; reload: () => Promise<void> }) {
  const [print, setPrint] = useState('')
  const [name, setName] = useState('')
  const read = async (file: File | undefined) => {
    if (!file) return
    setPrint(inPairs((await fingerprintOf(file)) ?? ''))
    if (!name) setName(file.name.replace(/\.\w+$/, ''))
  }
  const save = async () => {
    await add({ sha256: print.replaceAll(/[\s:]/g, '').toLowerCase(), name: name.trim() })
    setPrint('')
    setName('')
    await reload()
  }
  return (
    <Saving said={t('saved')} act={t('logincert.add')} check={() => ({ sha256: fingerprintFault(print, t('logincert.wrong'), t('logincert.mend')) })} save={save}>
      {(faults) => (
        <>
          <div class="row-actions">
            <label class="file-button">
              <Icon name="upload" />
              {t('logincert.file')}
              <input type="file" class="unseen" accept=".pem,.crt,.cer,.der" onChange={(e) => void read(e.currentTarget.files?.[0])} />
            </label>
          </div>
          <Field label={t('logincert.print')} hint={t('logincert.print.hint')} value={print} onValue={setPrint} fault={faults['sha256']} input={{ autocomplete: 'off', class: 'mono' }} />
          <Field label={t('logincert.name')} hint={t('logincert.name.hint')} value={name} onValue={setName} fault={faults['name']} input={{ autocomplete: 'off' }} />
        </>
      )}
    </Saving>
  )
}
