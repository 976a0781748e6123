import type { Waiting } from './api'
import { whenText, type Kind } from './show'
import { t } from './texts'

/** How a message stands, as one word. */
export function standing(m: Waiting): [Kind, string] {
  if (m.to.some((r) => r.state === 'held')) return ['wait', t('wait.held')]
  if (m.hold_until && new Date(m.hold_until) > new Date()) return ['later', t('wait.later', { when: whenText(m.hold_until) })]
  const queued = m.to.filter((r) => r.state === 'queued')
  if (queued.some((r) => r.tries > 0)) {
    const next = queued.map((r) => r.next ?? '').filter(Boolean).sort()[0]
    return ['wait', next && new Date(next) > new Date() ? t('wait.again', { when: whenText(next) }) : t('wait.waits')]
  }
  if (queued.length) return ['good', t('wait.new')]
  return ['good', t('wait.over')]
}
