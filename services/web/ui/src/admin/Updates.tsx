import { useEffect, useRef, useState } from 'preact/hooks'
import { api, problemOf, type Problem } from '../api'
import { Dialog } from '../parts/Dialog'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { go, path } from '../router'
import { useAct } from './act'
import { office, type Versions } from './api'
import { BoxParts } from './BoxParts'
import { useLoad } from './load'
import { dayText } from './show'
import { t } from './texts'
import { UpdateSource } from './UpdateSource'

const base = '/admin/box'

/** /admin/box: the box's software, and how to end or restart it. */
export function Updates() {
  const versions = useLoad(office.versions, [], 5_000, 'update')
  const [away, setAway] = useState<'restart' | 'off'>()
  const v = versions.data
  const act = path.value.split('/')[3] ?? ''
  if (away) return <Away how={away} />
  return (
    <>
      <Title lead={v && t('light.version.runs', { version: v.running })}>{t('box.title')}</Title>
      <BoxParts />
      <ProblemNote problem={versions.absent ? undefined : versions.problem} />
      {versions.absent && <Note kind="info">{t('box.absent')}</Note>}
      {!v && !versions.problem && <Busy label={t('loading')} />}
      {v && (
        <>
          <How versions={v} />
          <Upload versions={v} reload={versions.reload} />
          <UpdateSource />
          {v.previous && (
            <section class="panel narrow">
              <h2><Icon name="undo" size={20} />{t('box.previous')}</h2>
              <p>{t('box.previous.text', { version: v.previous })}</p>
              <div class="row-actions"><a class="button" href={base + '/previous'}>{t('box.previous.go', { version: v.previous })}</a></div>
            </section>
          )}
          <section class="panel narrow">
            <h2><Icon name="power" size={20} />{t('box.power')}</h2>
            <p>{t('box.power.text')}</p>
            <div class="row-actions">
              <a class="button" href={base + '/restart'}><Icon name="retry" />{t('box.restart')}</a>
              <a class="button quiet" href={base + '/off'}><Icon name="power" />{t('box.off')}</a>
            </div>
          </section>
          {act === 'restart' && <Ask title={t('box.restart.title')} text={t('box.restart.text')} act={t('box.restart')} call={office.restart} done={() => setAway('restart')} />}
          {act === 'off' && <Ask title={t('box.off.title')} text={t('box.off.text')} act={t('box.off')} call={office.powerOff} done={() => setAway('off')} />}
          {act === 'previous' && v.previous && (
            <Ask title={t('box.previous.title', { version: v.previous })} text={t('box.previous.ask')} act={t('box.previous.go', { version: v.previous })}
              call={async () => { await office.previous(); await office.restart() }} done={() => setAway('restart')} />
          )}
        </>
      )}
    </>
  )
}

/** What became of the last update, or becomes of one now. */
function How({ versions: v }: { versions: Versions }) {
  const i = v.installing
  return (
    <div aria-live="polite">
      {v.on_trial && <Note kind="wait">{t('light.version.trial', { version: v.running })}</Note>}
      {i?.state === 'installing' && <Note kind="info" title={t('box.installing', { version: i.version })}>{t('box.installing.text')}</Note>}
      {i?.state === 'installed' && (
        <Note kind="good" title={t('light.version.installed', { version: i.version })}>
          <p>{t('box.installed.text')}</p>
          <div class="row-actions"><a class="button primary" href={base + '/restart'}><Icon name="retry" />{t('box.restart')}</a></div>
        </Note>
      )}
      {i?.state === 'refused' && <Note kind="bad" title={t('box.refused', { version: i.version })}>{i.problem}</Note>}
      {v.last && (v.last.well
        ? <p class="soft last">{t('box.last.well', { version: v.last.to, day: dayText(v.last.time) })}</p>
        : <Note kind="wait" title={t('light.version.failed', { to: v.last.to, reason: v.last.reason ?? '' })}>{t('light.version.failed.do', { version: v.running })}</Note>)}
    </div>
  )
}

/** Takes the file of an update, and shows how far it has gone. */
function Upload({ versions: v, reload }: { versions: Versions; reload: () => Promise<void> }) {
  const [sent, setSent] = useState<number>()
  const [problem, setProblem] = useState<Problem>()
  const stop = useRef<AbortController | null>(null)
  useEffect(() => () => stop.current?.abort(), []) // whoever leaves the page takes the file along
  const take = async (input: HTMLInputElement) => {
    const file = input.files?.[0]
    input.value = ''
    if (!file || sent !== undefined) return
    setProblem(undefined)
    setSent(0)
    stop.current = new AbortController()
    try {
      await office.install(file, setSent, stop.current.signal)
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) setProblem(problemOf(error))
    }
    await reload()
    setSent(undefined)
  }
  return (
    <section class="panel narrow">
      <h2><Icon name="upload" size={20} />{t('box.update')}</h2>
      <p>{t('box.update.text')}</p>
      {(v.keys?.length ?? 0) > 0 && <p class="soft">{t('box.update.keys', { keys: v.keys!.join(', ') })}</p>}
      <ProblemNote problem={problem} />
      {sent !== undefined && (
        <div aria-live="polite">
          <p>{sent < 1 ? t('box.sending', { percent: Math.floor(sent * 100) }) : t('box.judging')}</p>
          <progress class="bar" aria-label={t('box.update')} max={1} value={sent < 1 ? sent : undefined} />
          {sent < 1 && <div class="row-actions"><button type="button" onClick={() => stop.current?.abort()}>{t('cancel')}</button></div>}
        </div>
      )}
      {sent === undefined && v.installing?.state !== 'installing' && (
        <div class="row-actions">
          <label class="file-button">
            <Icon name="upload" />
            {t('box.choose')}
            <input type="file" class="unseen" accept=".update" onChange={(e) => void take(e.currentTarget)} />
          </label>
        </div>
      )}
    </section>
  )
}

function Ask({ title, text, act, call, done }: { title: string; text: string; act: string; call: () => Promise<unknown>; done: () => void }) {
  const { busy, problem, act: run } = useAct((said) => {
    go(base)
    if (said !== undefined) done()
  })
  return (
    <Dialog title={title} act={act} danger busy={busy} problem={problem} onClose={() => go(base)} onAct={(form) => run(form, {}, call, '')}>
      <p>{text}</p>
    </Dialog>
  )
}

/** How long a box may still answer after it was asked to restart, and how often it is asked whether it is back. */
const ending = 5_000
const asking = 2_000

/** The box has been asked to go. Where it comes back, the page waits and begins anew. */
function Away({ how }: { how: 'restart' | 'off' }) {
  useEffect(() => {
    if (how === 'off') return
    const began = Date.now()
    let gone = false
    let timer = 0
    const ask = async () => {
      try {
        await api.status()
        // A quick box may be back before anybody has seen it gone.
        if (gone || Date.now() - began > 60_000) return location.assign(base)
      } catch {
        gone = true
      }
      timer = setTimeout(ask, asking) as unknown as number
    }
    timer = setTimeout(ask, ending) as unknown as number
    return () => clearTimeout(timer)
  }, [])
  return (
    <>
      <Title lead={t(how === 'off' ? 'box.away.off.text' : 'box.away.text')}>{t(how === 'off' ? 'box.away.off' : 'box.away')}</Title>
      {how === 'restart' && <Busy label={t('box.away.waiting')} />}
    </>
  )
}
