import type { ComponentChildren } from 'preact'
import { me, signOut } from '../admin/session'
import { path } from '../router'
import { t } from '../texts'
import { Icon, Mark, type IconName } from './Icon'

/** The rail of the office's pages (a bar at the bottom on phones). It names
 * what this version has. */
export function Frame({ children }: { children: ComponentChildren }) {
  const who = me.value
  const item = (to: string, icon: IconName, label: string) => (
    <li>
      <a href={to} aria-current={path.value === to || path.value.startsWith(to + '/') ? 'page' : undefined}>
        <Icon name={icon} size={20} />
        {label}
      </a>
    </li>
  )
  return (
    <div class="frame">
      <aside class="frame-rail no-print">
        <a class="brand" href="/"><Mark /><span>Sanduk</span></a>
        <nav aria-label={t('frame.label')}>
          <ul>
            {who?.admin && item('/admin/people', 'people', t('frame.people'))}
            {item('/connect', 'laptop', t('frame.connect'))}
            {item('/me', 'key', t('frame.me'))}
          </ul>
        </nav>
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
