import '../style/state.css'
// How the pages of whoever runs the box show states, times and sizes.
import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from '../parts/Icon'
import { locale } from '../texts'
import { t } from './texts'

export type Kind = 'good' | 'wait' | 'bad' | 'busy' | 'later'

const signs = { good: 'good', wait: 'warn', bad: 'bad', busy: 'busy', later: 'clock' } satisfies Record<Kind, IconName>

/** A state: a sign and a word, never a colour alone. */
export function State({ kind, children }: { kind: Kind; children?: ComponentChildren }) {
  return (
    <span class={'state ' + kind}>
      <Icon name={signs[kind]} size={16} />
      <span>{children ?? t(`state.${kind}`)}</span>
    </span>
  )
}

const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' })
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' })
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' })

/** A time as people say it: the time alone today, the day else. */
export function whenText(text: string): string {
  const at = new Date(text)
  return new Date().toDateString() === at.toDateString() ? clock.format(at) : day.format(at) + ', ' + clock.format(at)
}

export function When({ at }: { at: string }) {
  return <time dateTime={at} title={exact.format(new Date(at))}>{whenText(at)}</time>
}

export const dayText = (text: string) => day.format(new Date(text))

const units = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte']

/** Bytes as disks are sold: 1 GB is 10^9 bytes. What is smaller than 1 kB counts as that. */
export function size(bytes: number): string {
  const kilobytes = bytes > 0 ? Math.max(1, bytes / 1000) : 0
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, kilobytes)) / 3)))
  const n = kilobytes / 1000 ** step
  return new Intl.NumberFormat(locale, { style: 'unit', unit: units[step]!, unitDisplay: 'short', maximumFractionDigits: n < 10 && step > 0 ? 1 : 0 }).format(n)
}

/** What stands where a list would, when there is nothing in it: it teaches. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={24} />
      <strong>{title}</strong>
      {children && <span>{children}</span>}
    </div>
  )
}
