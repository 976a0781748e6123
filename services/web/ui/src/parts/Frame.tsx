import type { ComponentChildren, ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { may, me, signOut } from '../admin/session'
import { path } from '../router'
import { t } from '../texts'
import { Icon, Mark, type IconName } from './Icon'
import { Languages } from './Languages'

/** The rail of the office's pages (a bar at the bottom on phones). It names
 * what this version has. */
export function Frame({ children }: { children: ComponentChildren }) {
  const who = me.value
  const [open, setOpen] = useState(false)
  const at = path.value
  useEffect(() => setOpen(false), [at])
  const isAt = (to: string) => at === to || (to !== '/admin' && at.startsWith(to + '/'))
  const item = ([to, icon, label]: Item) => (
    <li key={to} class={first.includes(to) ? '' : 'rest'}>
      <a href={to} aria-current={isAt(to) ? 'page' : undefined} onClick={() => setOpen(false)}>
        <Icon name={icon} size={20} />
        {label}
      </a>
    </li>
  )
  const found = officeItems()
  const items: Item[] = [
    ...found,
    ['/connect', 'laptop', t('frame.connect')],
    ['/me', 'key', t('frame.me')],
  ]
  // Phones have room for a few; the others open above the bar.
  const first = items.length > 5 ? items.slice(0, 4).map(([to]) => to) : items.map(([to]) => to)
  return (
    <div class="frame" onKeyDown={(e) => { if (e.key === 'Escape') setOpen(false) }}>
      <aside class="frame-rail no-print">
        <a class="brand" href="/"><Mark /><span>Sanduk</span></a>
        {found.length > 0 && <Find />}
        <nav aria-label={t('frame.label')} class={open ? 'open' : ''}>
          <ul>
            {items.map(item)}
            {first.length < items.length && (
              <li class="more">
                <button type="button" class="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
                  <Icon name={open ? 'close' : 'more'} size={20} />
                  {t(open ? 'frame.less' : 'frame.more')}
                </button>
              </li>
            )}
          </ul>
        </nav>
        <Languages />
        {who && (
          <div class="who">
            <span class="who-name" title={who.address}>
              <strong>{who.name || who.address}</strong>
              {who.name && <small>{who.address}</small>}
            </span>
            <button type="button" class="quiet" onClick={signOut} title={t('frame.out')}>
              <Icon name="out" />
              <span class="unseen">{t('frame.out')}</span>
            </button>
          </div>
        )}
      </aside>
      <main class="content">{children}</main>
    </div>
  )
}

/** Opens the field that finds everything; Ctrl-K does too. It is fetched then. */
function Find() {
  const [Finder, setFinder] = useState<{ part: ComponentType<{ close: () => void }> }>()
  const open = () => void import('../admin/Finder').then((m) => setFinder({ part: m.default }), () => undefined)
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== 'k' || !(e.ctrlKey || e.metaKey) || document.querySelector('dialog[open]')) return
      e.preventDefault()
      open()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return (
    <>
      <button type="button" class="find" aria-keyshortcuts="Control+K" onClick={open}><Icon name="search" /><span>{t('frame.find')}</span><kbd aria-hidden="true">Ctrl K</kbd></button>
      {Finder && <Finder.part close={() => setFinder(undefined)} />}
    </>
  )
}

type Item = [to: string, icon: IconName, label: string]

/** Those of the office that are for who is signed in, what is needed most first. */
export function officeItems(): Item[] {
  if (!me.value) return []
  if (may('administrator')) return office()
  const some = (may('people') ? ['/admin/people', '/admin/addresses'] : []).concat(may('trace') ? ['/admin/trace'] : [], may('help desk') ? ['/admin/waiting'] : [])
  return office().filter(([to]) => some.includes(to))
}

const office = (): Item[] => [
  ['/admin', 'gauge', t('frame.overview')],
  ['/admin/people', 'people', t('frame.people')],
  ['/admin/trace', 'search', t('frame.trace')],
  ['/admin/waiting', 'send', t('frame.waiting')],
  ['/admin/deleted', 'undo', t('frame.deleted')],
  ['/admin/addresses', 'at', t('frame.addresses')],
  ['/admin/flow', 'route', t('frame.flow')],
  ['/admin/dns', 'globe', t('frame.dns')],
  ['/admin/box', 'settings', t('frame.box')],
]
