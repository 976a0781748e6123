import { useEffect, useRef, useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Note, ProblemNote } from '../parts/parts'
import { isSure } from '../parts/sure'
import { upload } from './api'
import { Panel } from './Panel'
import { Pick } from './Pick'
import { size } from './show'
import { count, t } from './texts'

/** What became of an import. */
interface Summary {
  imported: number
  bytes: number
  present: number
  too_large: number
  gone: number
  failed: number
  folders: number
  problems?: string[]
  omitted?: number
}

/** All mail of somebody, as a file: one's own, or for administrators that of the one with an address. */
export function Archive({ of }: { of?: string }) {
  const path = of ? `/api/accounts/${encodeURIComponent(of)}/mail` : '/api/me/mail'
  return (
    <>
      <Save path={path} />
      <Add path={path} />
    </>
  )
}

function Save({ path }: { path: string }) {
  const [format, setFormat] = useState('maildir')
  const [begun, setBegun] = useState(false)
  const save = async () => {
    if (!(await isSure())) return // a download can't ask
    const link = document.createElement('a')
    link.href = path + '?' + new URLSearchParams({ format })
    link.download = ''
    link.click()
    setBegun(true)
  }
  return (
    <Panel title={t('archive.save')}>
      <p class="soft">{t('archive.save.text')}</p>
      {begun && <Note kind="good" live title={t('archive.begun')}>{t('archive.begun.text')}</Note>}
      <Pick label={t('archive.format')} hint={t(format === 'mbox' ? 'archive.mbox.hint' : 'archive.maildir.hint')} value={format} onValue={setFormat} options={[['maildir', 'Maildir (.tar)'], ['mbox', 'mbox (.zip)']]} />
      <div class="row-actions"><button type="button" onClick={() => void save()}><Icon name="download" />{t('archive.go')}</button></div>
    </Panel>
  )
}

/** A file on its way to the box. */
interface Going {
  name: string
  bytes: number
  sent: number // 0 to 1
}

function Add({ path }: { path: string }) {
  const [into, setInto] = useState('')
  const [going, setGoing] = useState<Going>()
  const [done, setDone] = useState<Summary>()
  const [problem, setProblem] = useState<Problem>()
  const stop = useRef<AbortController | null>(null)
  useEffect(() => () => stop.current?.abort(), []) // whoever leaves the page takes the file along
  const take = async (input: HTMLInputElement) => {
    const file = input.files?.[0]
    if (!file || going) return
    setProblem(undefined)
    setDone(undefined)
    setGoing({ name: file.name, bytes: file.size, sent: 0 })
    stop.current = new AbortController()
    const where = new URLSearchParams({ name: file.name.replace(/(\.(mbox|mbx|tar|gz|tgz))+$/i, ''), ...(into.trim() && { into: into.trim() }) })
    try {
      const answer = await upload(path + '?' + where, file, (sent) => setGoing({ name: file.name, bytes: file.size, sent }), stop.current.signal)
      setDone(JSON.parse(answer) as Summary)
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) setProblem(problemOf(error))
    }
    input.value = ''
    setGoing(undefined)
  }
  return (
    <Panel title={t('archive.add')}>
      <p class="soft">{t('archive.add.text')}</p>
      {problem?.field !== 'into' && <ProblemNote problem={problem} />}
      {done && <Came done={done} />}
      {going && (
        <div aria-live="polite">
          <p class="break below">{going.sent < 1 ? t('archive.sending', { name: going.name, sent: size(going.bytes * going.sent), all: size(going.bytes) }) : t('archive.reading')}</p>
          <progress class="bar" aria-label={t('archive.add')} max={1} value={going.sent < 1 ? going.sent : undefined} />
          <p class="soft below">{t('archive.stay')}</p>
          <div class="row-actions"><button type="button" onClick={() => stop.current?.abort()}>{t('cancel')}</button></div>
        </div>
      )}
      {!going && (
        <>
          <Field label={t('archive.into')} hint={t('archive.into.hint')} value={into} onValue={setInto} fault={problem?.field === 'into' ? { message: problem.message, mend: problem.whatToDo } : undefined} input={{ autocomplete: 'off' }} />
          <div class="row-actions">
            <label class="file-button">
              <Icon name="upload" />
              {t('archive.choose')}
              <input type="file" class="unseen" accept=".mbox,.mbx,.tar,.gz,.tgz" onChange={(e) => void take(e.currentTarget)} />
            </label>
          </div>
        </>
      )}
    </Panel>
  )
}

function Came({ done: d }: { done: Summary }) {
  const left = [
    d.present > 0 && count('archive.present', d.present),
    d.gone > 0 && count('archive.gone', d.gone),
    d.too_large > 0 && count('move.large', d.too_large),
    d.failed > 0 && count('archive.failed', d.failed),
  ].filter(Boolean)
  const problems = (d.problems?.length ?? 0) + (d.omitted ?? 0)
  return (
    <Note kind={d.too_large + d.failed > 0 ? 'wait' : 'good'} live title={count('archive.done', d.imported, { size: size(d.bytes) })}>
      {left.length > 0 && <ul class="plain-list">{left.map((text) => <li key={text}>{text}</li>)}</ul>}
      {problems > 0 && (
        <details>
          <summary>{count('archive.problems', problems)}</summary>
          <ul class="plain-list">{d.problems?.map((text, i) => <li key={i} class="break">{text}</li>)}</ul>
        </details>
      )}
    </Note>
  )
}
