import { useEffect, useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { query } from '../router'
import { useDeeds } from './act'
import type { Expunged, Folder, Restored, Undo } from './api'
import { useLoad } from './load'
import { Search } from './Search'
import { dayText, Empty, size, When } from './show'
import { count, t } from './texts'

const page = 100
const keyOf = (m: Expunged) => m.mailbox + '.' + m.uid

/** Messages that can be put back, newest first: marked ones together. */
export function DeletedMessages({ who, undo }: { who: string; undo: Undo }) {
  const q = query.value.get('q') ?? ''
  const filter = { limit: String(page), ...(q.trim() && { words: q }) }
  const first = useLoad(() => undo.messages(filter), [who, q])
  const [more, setMore] = useState<{ messages: Expunged[]; next: string | undefined }>()
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set())
  const [outcome, setOutcome] = useState<Restored>()
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    setMore(undefined)
    setMarked(new Set())
  }, [first.data])
  const list = [...(first.data?.messages ?? []), ...(more?.messages ?? [])]
  const next = more ? more.next : first.data?.next
  const chosen = list.filter((m) => marked.has(keyOf(m)))
  const mark = (keys: string[], on: boolean) => setMarked(new Set(on ? [...marked, ...keys] : [...marked].filter((k) => !keys.includes(k))))
  const attempt = async (work: () => Promise<void>) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    await work().catch((e) => setProblem(problemOf(e)))
    setBusy(false)
  }
  const load = () => attempt(async () => {
    const answer = await undo.messages({ ...filter, after: next ?? '' })
    setMore({ messages: [...(more?.messages ?? []), ...answer.messages], next: answer.next })
  })
  const restore = () => attempt(async () => {
    setOutcome(undefined)
    setOutcome(await undo.restore(chosen.map(({ mailbox, uid }) => ({ mailbox, uid })).slice(0, maxAtOnce)))
    await first.reload()
  })
  return (
    <>
      <div class="tools">
        <Search label={t('undo.search')} />
        {list.length > 0 && (
          <button type="button" class="primary" disabled={chosen.length === 0} aria-disabled={busy} onClick={() => void restore()}>
            <Icon name={busy ? 'busy' : 'undo'} />
            {chosen.length ? count('undo.back', chosen.length) : t('undo.back.none')}
          </button>
        )}
      </div>
      {outcome && <Outcome outcome={outcome} />}
      <ProblemNote problem={problem ?? first.problem} />
      {!first.data && !first.problem && <Busy label={t('loading')} />}
      {first.data && list.length === 0 && !next && (q ? <p class="empty">{t('undo.none.found')}</p> : <Empty icon="undo" title={t('undo.none')}>{t('undo.none.text')}</Empty>)}
      {list.length > 0 && (
        <table class="list marks">
          <thead>
            <tr>
              <th scope="col"><input type="checkbox" aria-label={t('undo.mark.all')} checked={chosen.length === list.length} onChange={(e) => mark(list.map(keyOf), e.currentTarget.checked)} /></th>
              <th scope="col">{t('undo.col.message')}</th>
              <th scope="col">{t('undo.col.folder')}</th>
              <th scope="col">{t('undo.col.at')}</th>
              <th scope="col">{t('undo.col.until')}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((m) => (
              <tr key={keyOf(m)}>
                <td><input type="checkbox" aria-label={t('undo.mark', { subject: m.subject || t('undo.subject.none') })} checked={marked.has(keyOf(m))} onChange={(e) => mark([keyOf(m)], e.currentTarget.checked)} /></td>
                <th scope="row" class="break">
                  {m.subject || t('undo.subject.none')}
                  <small class="words">{m.from} · {size(m.size)}</small>
                </th>
                <td class="break">{m.name}{m.mailbox_gone && <small class="soft"> {t('undo.folder.gone')}</small>}</td>
                <td class="soft" data-label={t('undo.col.at')}><When at={m.at} /></td>
                <td class="soft" data-label={t('undo.col.until')}>{t('undo.until', { day: dayText(m.until) })}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {next && <div class="row-actions"><button type="button" aria-disabled={busy} onClick={() => void load()}>{t('list.more')}</button></div>}
    </>
  )
}

/** The most that the box puts back at once. */
const maxAtOnce = 500

function Outcome({ outcome }: { outcome: Restored }) {
  const n = (what: string) => outcome.messages.filter((m) => m.outcome === what).length
  const here = n('back') + n('there')
  return (
    <>
      {here > 0 && <Note kind="good" live>{count('undo.done', here)}</Note>}
      {n('gone') > 0 && <Note kind="wait" live>{count('undo.gone', n('gone'))}</Note>}
      {outcome.problem && <Note kind="bad" live title={outcome.problem.message}>{outcome.problem.what_to_do}</Note>}
    </>
  )
}

/** Folders that can be put back, with what was in them. */
export function DeletedFolders({ who, undo }: { who: string; undo: Undo }) {
  const folders = useLoad(undo.folders, [who])
  const { doing, said, problem, run } = useDeeds(folders.reload)
  const list = folders.data?.deleted ?? []
  const restore = (f: Folder) => run(f.id, () => undo.restoreFolder(f.id), t('undo.folder.done', { name: f.name }))
  return (
    <>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem ?? folders.problem} />
      {!folders.data && !folders.problem && <Busy label={t('loading')} />}
      {folders.data && list.length === 0 && <Empty icon="undo" title={t('undo.folders.none')}>{t('undo.folders.none.text')}</Empty>}
      {list.length > 0 && (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">{t('undo.col.folder')}</th>
              <th scope="col">{t('undo.col.holds')}</th>
              <th scope="col">{t('undo.col.at')}</th>
              <th scope="col">{t('undo.col.until')}</th>
              <th scope="col"><span class="unseen">{t('people.col.acts')}</span></th>
            </tr>
          </thead>
          <tbody>
            {list.map((f) => (
              <tr key={f.id}>
                <th scope="row" class="break">{f.name}</th>
                <td>{count('undo.holds', f.messages)}</td>
                <td class="soft" data-label={t('undo.col.at')}>{f.at && <When at={f.at} />}</td>
                <td class="soft" data-label={t('undo.col.until')}>{f.until && t('undo.until', { day: dayText(f.until) })}</td>
                <td class="acts">
                  <button type="button" aria-disabled={!!doing} onClick={() => void restore(f)}>
                    <Icon name={doing === f.id ? 'busy' : 'undo'} />
                    {t('undo.folder')}<span class="unseen"> {f.name}</span>
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}
