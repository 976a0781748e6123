import { useEffect, useState } from 'preact/hooks'
import { Icon } from '../parts/Icon'
import { Field } from '../parts/Field'
import { Note, ProblemNote } from '../parts/parts'
import { query, setQuery } from '../router'
import { useAct } from './act'
import type { Job, Undo } from './api'
import { useLoad } from './load'
import { Pick } from './Pick'
import { count, t } from './texts'

/** A time as the browser's own field for it wants it: local, to the minute. */
function local(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** A mailbox as it was at a time. The work goes on when the page is left; its ID stands in the address. */
export function AsOf({ who, undo }: { who: string; undo: Undo }) {
  const job = query.value.get('job')
  return job ? <Work key={job} id={job} undo={undo} /> : <Ask who={who} undo={undo} />
}

function Ask({ who, undo }: { who: string; undo: Undo }) {
  const folders = useLoad(undo.folders, [who])
  const [at, setAt] = useState(() => local(new Date(Date.now() - 86_400_000)))
  const [mailbox, setMailbox] = useState('')
  const [how, setHow] = useState('beside')
  const { busy, problem, faults, act } = useAct(() => undefined)
  const missing = at ? undefined : { message: t('asof.missing'), mend: t('asof.missing.mend') }
  const begin = async () => {
    const job = await undo.asOf({ at: new Date(at).toISOString(), ...(mailbox && { mailbox }), in_place: how === 'place' })
    setQuery('job', job.id)
  }
  return (
    <form class="panel narrow" noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void act(e.currentTarget, { at: missing }, begin, '') }}>
      <h2>{t('asof.title')}</h2>
      <p class="soft">{t('asof.text')}</p>
      <ProblemNote problem={problem} />
      <Field label={t('asof.at')} value={at} onValue={setAt} fault={faults['at']} input={{ type: 'datetime-local' }} />
      <Pick label={t('asof.what')} value={mailbox} onValue={setMailbox}
        options={[['', t('asof.all')], ...(folders.data?.mailboxes ?? []).map((f) => [f.id, f.name] as const), ...(folders.data?.deleted ?? []).map((f) => [f.id, t('asof.deleted', { name: f.name })] as const)]} />
      <Pick label={t('asof.how')} hint={t(how === 'place' ? 'asof.place.text' : 'asof.beside.text')} value={how} onValue={setHow} options={[['beside', t('asof.beside')], ['place', t('asof.place')]]} />
      <div class="actions">
        <button type="submit" class="primary" aria-disabled={busy}><Icon name={busy ? 'busy' : 'undo'} />{t('asof.go')}</button>
      </div>
    </form>
  )
}

function Work({ id, undo }: { id: string; undo: Undo }) {
  const [over, setOver] = useState(false)
  const work = useLoad(() => undo.job(id), [id], over ? 0 : 1000, over ? undefined : 'jobs')
  const job = work.data
  useEffect(() => setOver(work.absent || (!!job && job.state !== 'running')), [work.absent, job])
  return (
    <section class="panel narrow" aria-live="polite">
      <h2>{t('asof.title')}</h2>
      <ProblemNote problem={work.problem} />
      {job?.state === 'running' && (
        <>
          <p>{t(job.step === 'reading' ? 'asof.reading' : 'asof.restoring')}</p>
          <progress class="bar" aria-label={t('asof.title')} max={job.total || 1} value={job.total ? job.done : undefined} />
          <div class="row-actions"><button type="button" onClick={() => void undo.stop(id).then(work.reload, work.reload)}>{t('asof.stop')}</button></div>
        </>
      )}
      {job && job.state !== 'running' && (
        <>
          {job.state === 'done' && <Note kind="good">{t('asof.done')}</Note>}
          {job.state === 'stopped' && <Note kind="wait">{t('asof.stopped')}</Note>}
          {job.state === 'failed' && <Note kind="bad" title={job.problem?.message ?? ''}>{job.problem?.what_to_do}</Note>}
          <Came job={job} />
        </>
      )}
      {(work.absent || (job && job.state !== 'running')) && <div class="row-actions"><button type="button" onClick={() => setQuery('job', '')}>{t('asof.another')}</button></div>}
    </section>
  )
}

function Came({ job }: { job: Job }) {
  return (
    <ul class="plain-list">
      <li>{count('asof.back', job.back)}</li>
      {job.there > 0 && <li>{count('asof.there', job.there)}</li>}
      {job.gone > 0 && <li>{count('undo.gone', job.gone)}</li>}
      {job.folder && <li>{t('asof.folder', { folder: job.folder })}</li>}
    </ul>
  )
}
