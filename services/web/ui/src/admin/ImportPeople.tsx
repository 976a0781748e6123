import { useState } from 'preact/hooks'
import { api, problemOf, type Person, type Problem } from '../api'
import { localFault } from '../check/address'
import { newPassword, passwordFault } from '../check/password'
import { parsePeople } from '../check/people'
import { Icon } from '../parts/Icon'
import { CopyButton, Note, Title } from '../parts/parts'
import { Lines } from './Lines'
import { State } from './show'
import { count, t } from './texts'

interface Entry {
  name: string
  address: string
  password: string
  made: boolean // the password was made here
  wrong?: string // why it can't be added
  done?: boolean
  problem?: Problem
}

/** What is understood of a list: nobody is added before it is all right, or left out. */
function entriesOf(text: string, people: readonly Person[], domains: readonly string[]): { entries: Entry[]; bad: number[] } {
  const { rows, bad } = parsePeople(text)
  const known = new Set(people.map((p) => p.address.toLowerCase()))
  const entries = rows.map((r) => {
    const domain = r.domain || (domains[0] ?? '')
    const address = r.local + '@' + domain
    const fault = localFault(r.local) ?? (r.password ? passwordFault(r.password, r.local) : undefined)
    const wrong = known.has(address) ? t('import.there') : !domains.includes(domain) ? t('import.elsewhere', { domain }) : fault?.message
    known.add(address)
    return { name: r.name, address, password: r.password, made: !r.password, ...(wrong && { wrong }) }
  })
  return { entries, bad: bad.map((b) => b.line) }
}

/** /admin/people/import: many people at once, from a table. */
export function ImportPeople({ people, domains, reload }: { people: readonly Person[]; domains: readonly string[]; reload: () => void }) {
  const [text, setText] = useState('')
  const [work, setWork] = useState<Entry[]>() // what is being added, or was
  const [at, setAt] = useState(-1)
  const { entries, bad } = entriesOf(text, people, domains)
  const good = entries.filter((e) => !e.wrong)
  const busy = at >= 0
  const add = async () => {
    const list = good.map((e) => ({ ...e, password: e.password || newPassword() }))
    for (const [i, e] of list.entries()) {
      setWork([...list])
      setAt(i)
      try {
        await api.addPerson(e.address, e.name, e.password)
        e.done = true
      } catch (error) {
        e.problem = problemOf(error)
        if (e.problem.status === 0 || e.problem.status === 401) break // the box is gone, or doesn't know who asks
      }
    }
    setWork([...list])
    setAt(-1)
    reload()
  }
  return (
    <>
      <p class="back-line no-print"><a href="/admin/people"><Icon name="back" size={16} />{t('people.admin.title')}</a></p>
      <Title lead={work ? undefined : t('import.lead')}>{t('import.title')}</Title>
      {!work && (
        <>
          <Lines label={t('import.list')} hint={t('paste.hint')} value={text} onValue={setText} rows={8} fault={undefined} />
          <div class="row-actions">
            <label class="file-button">
              <Icon name="upload" />
              {t('paste.file')}
              <input type="file" class="unseen" accept=".csv,.txt,text/csv,text/plain"
                onChange={(e) => e.currentTarget.files?.[0]?.slice(0, 1 << 20).text().then(setText, () => undefined)} />
            </label>
          </div>
          {bad.length > 0 && <Note kind="wait" title={count('paste.bad', bad.length)}>{t('import.lines', { lines: bad.slice(0, 20).join(', ') })}</Note>}
          {entries.length > 0 && <Table entries={entries} />}
          <div class="actions">
            <button type="button" class="primary" disabled={good.length === 0} onClick={() => void add()}>{count('import.go', good.length)}</button>
          </div>
        </>
      )}
      {work && busy && (
        <section class="panel narrow" aria-live="polite">
          <p>{t('import.adding', { name: work[at]?.name ?? '', at: at + 1, all: work.length })}</p>
          <progress class="bar" aria-label={t('import.title')} max={work.length} value={at} />
        </section>
      )}
      {work && !busy && <Done work={work} again={() => { setText(''); setWork(undefined) }} />}
      {work && <Table entries={work} secrets={!busy} />}
    </>
  )
}

function Table({ entries, secrets }: { entries: readonly Entry[]; secrets?: boolean }) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">{t('people.col.name')}</th>
          <th scope="col">{t('people.col.address')}</th>
          {secrets && <th scope="col">{t('people.password')}</th>}
          <th scope="col">{t('import.state')}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((e, i) => (
          <tr key={i}>
            <th scope="row">{e.name}</th>
            <td class="break">{e.address}</td>
            {secrets && <td class="mono break">{e.done && e.made ? e.password : ''}</td>}
            <td>
              {e.wrong ? <State kind="bad">{e.wrong}</State>
                : e.problem ? <State kind="bad">{e.problem.message} {e.problem.whatToDo}</State>
                : e.done ? <State kind="good">{t('import.done')}</State>
                : <State kind="later">{e.made ? t('import.new.password') : t('import.new')}</State>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Done({ work, again }: { work: readonly Entry[]; again: () => void }) {
  const done = work.filter((e) => e.done)
  const text = done.map((e) => [e.name, e.address, e.made ? e.password : ''].join('\t')).join('\n')
  return (
    <Note kind={done.length === work.length ? 'good' : 'wait'} live title={t('import.added', { done: done.length, all: work.length })}>
      <p>{t('import.keep')}</p>
      <div class="row-actions no-print">
        <CopyButton text={text} label={t('import.list')} />
        <button type="button" onClick={() => window.print()}><Icon name="print" />{t('import.print')}</button>
        <button type="button" class="quiet" onClick={again}>{t('import.again')}</button>
      </div>
    </Note>
  )
}
