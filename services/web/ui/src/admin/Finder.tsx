import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { api, type Person } from '../api'
import { officeItems } from '../parts/Frame'
import { Icon, type IconName } from '../parts/Icon'
import { go } from '../router'
import { office, type Listing } from './api'
import { useLoad, useSettled } from './load'
import { may } from './session'
import { count, t } from './texts'
import { factsOf } from './trace'

interface Hit {
  to: string
  icon: IconName
  title: string
  about?: string
}

/** More of a kind are found on its own page, which is the last hit of the kind then. */
const most = 5

/** Where the parts of the office's pages are. */
const parts = (): Hit[] => [
  ...officeItems().map(([to, icon, title]) => ({ to, icon, title })),
  ...(may('people') ? ([['/admin/people/add', 'addPerson', t('people.add')], ['/admin/people/import', 'upload', t('import.open')], ['/admin/addresses/add', 'plus', t('addr.add')]] as const) : []).map(([to, icon, title]) => ({ to, icon, title })),
  ...(may('administrator') ? ([
    ['/admin/flow/out', 'route', t('flow.out')], ['/admin/flow/rules', 'route', t('flow.rules')], ['/admin/flow/guards', 'route', t('guard.lists')], ['/admin/flow/guards', 'route', t('guard.reports')], ['/admin/flow/spare', 'route', t('flow.spare')],
    ['/admin/box', 'settings', t('box.part.software')], ['/admin/box/network', 'settings', t('box.part.network')], ['/admin/box/admission', 'settings', t('box.part.admission')], ['/admin/box/certificates', 'settings', t('box.part.certificates')],
    ['/admin/box/safe', 'settings', t('box.part.safe')], ['/admin/box/watch', 'settings', t('box.part.watch')], ['/admin/box/tokens', 'settings', t('box.part.tokens')], ['/admin/box/changes', 'settings', t('box.part.changes')], ['/admin/box/log', 'settings', t('box.part.log')],
  ] as const) : []).map(([to, icon, title]) => ({ to, icon, title })),
  { to: '/connect', icon: 'laptop', title: t('frame.connect') },
  { to: '/me', icon: 'key', title: t('frame.me') },
]

/** Capitals and accents don't count: ü is found by u. */
const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()

/** Finds pages, people, addresses and messages from wherever one is. */
export default function Finder({ close }: { close: () => void }) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const asked = useSettled(text.trim())
  const people = useLoad<Person[]>(() => (may('people') ? api.people() : Promise.resolve([])), [])
  const listings = useLoad<Listing[]>(() => (may('people') ? office.listings() : Promise.resolve([])), [])
  const messages = useLoad(() => (may('trace') && asked.length > 1 ? office.trace({ q: asked, limit: String(most) }) : Promise.resolve({ messages: [], next: '' })).then((found) => ({ ...found, asked })), [asked])
  useEffect(() => {
    dialog.current!.showModal()
    return () => dialog.current?.close()
  }, [])
  const words = plain(text).split(/\s+/).filter(Boolean)
  const fits = (...texts: string[]) => words.every((w) => plain(texts.join(' ')).includes(w))
  const some = words.length > 0
  const current = some && messages.data?.asked === text.trim() // else it is about what was typed before
  const q = new URLSearchParams({ q: text.trim() })
  const foundPeople = some ? (people.data ?? []).filter((p) => fits(p.name, p.address)) : []
  const foundListings = some ? (listings.data ?? []).filter((l) => fits(l.name, l.address, ...l.members)) : []
  const all = (list: Hit[], to: string, n: number): Hit[] => (n > most ? [...list.slice(0, most), { to, icon: 'next', title: t('find.more') }] : list)
  const groups: [title: string, hits: Hit[]][] = ([
    [t('find.pages'), parts().filter((p) => fits(p.title)).slice(0, some ? 2 * most : 50)],
    [t('people.admin.title'), all(foundPeople.map((p) => ({ to: '/admin/people/' + encodeURIComponent(p.address), icon: 'people', title: p.name || p.address, about: p.address })), '/admin/people?' + q, foundPeople.length)],
    [t('addr.title'), all(foundListings.map((l) => ({ to: `/admin/addresses/${encodeURIComponent(l.address)}/edit`, icon: 'at', title: l.address, about: l.name })), '/admin/addresses?' + q, foundListings.length)],
    [t('find.messages'), all((current ? messages.data!.messages : []).map((m) => {
      const f = factsOf(m)
      return { to: '/admin/trace/' + m.id, icon: 'search', title: f.subject || t('find.untitled'), about: [f.from, ...f.to.slice(0, 1)].filter(Boolean).join(' → ') }
    }), '/admin/trace?' + q, current && messages.data?.next ? most + 1 : 0)],
  ] as [string, Hit[]][]).filter(([, hits]) => hits.length > 0)
  const hits = groups.flatMap(([, list]) => list)
  const chosen = Math.min(at, hits.length - 1)
  const open = (hit: Hit | undefined) => {
    if (!hit) return
    close()
    go(hit.to)
  }
  const onKey = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0
    if (step && hits.length > 0) {
      e.preventDefault()
      const next = (chosen + step + hits.length) % hits.length
      setAt(next)
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' })
    } else if (e.key === 'Enter') {
      e.preventDefault()
      open(hits[chosen])
    }
  }
  let n = 0
  return (
    <dialog ref={dialog} class="finder" aria-label={t('find.title')} onCancel={(e) => { e.preventDefault(); close() }} onClick={(e) => e.target === dialog.current && close()}>
      <div class="box">
        <Icon name={messages.busy && some ? 'busy' : 'search'} />
        <input type="text" role="combobox" aria-label={t('find.title')} placeholder={t('find.hint')} value={text} autocomplete="off" spellcheck={false}
          aria-expanded="true" aria-controls={id} aria-activedescendant={hits.length > 0 ? `${id}-${chosen}` : undefined}
          onInput={(e) => { setText(e.currentTarget.value); setAt(0) }} onKeyDown={onKey} />
        <button type="button" class="quiet" onClick={close} title={t('find.close')}><Icon name="close" /><span class="unseen">{t('find.close')}</span></button>
      </div>
      <p class="unseen" role="status">{some && count('find.count', hits.length)}</p>
      <div id={id} role="listbox" aria-label={t('find.title')} tabIndex={-1}>
        {groups.map(([title, list]) => (
          <div key={title} role="group" aria-label={title}>
            <p class="finder-kind" aria-hidden="true">{title}</p>
            {list.map((hit) => {
              const mine = n++
              return (
                <div key={hit.to + hit.title} id={`${id}-${mine}`} role="option" aria-selected={mine === chosen} class="finder-hit" onClick={() => open(hit)} onMouseMove={() => setAt(mine)}>
                  <Icon name={hit.icon} />
                  <span><strong>{hit.title}</strong>{hit.about && hit.about !== hit.title && <small>{hit.about}</small>}</span>
                </div>
              )
            })}
          </div>
        ))}
        {hits.length === 0 && !messages.busy && <p class="empty">{t('find.none')}</p>}
      </div>
    </dialog>
  )
}
