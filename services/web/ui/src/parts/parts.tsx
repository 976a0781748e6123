import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Problem } from '../api'
import { t } from '../texts'
import { Icon, type IconName } from './Icon'

/** The heading of a screen. It takes the focus when the screen appears, so that
 * the keyboard and a screen reader begin where the eye does. */
export function Title({ children, lead }: { children: string; lead?: ComponentChildren }) {
  const ref = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = children + ' · Sanduk'
    ref.current?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [children])
  return (
    <header class="title">
      <h1 ref={ref} tabIndex={-1}>{children}</h1>
      {lead && <p class="lead">{lead}</p>}
    </header>
  )
}

const noteIcons = { info: 'book', good: 'good', wait: 'warn', bad: 'bad' } satisfies Record<string, IconName>

/** A state with its word and sign. */
export function Note({ kind, title, children, live }: { kind: keyof typeof noteIcons; title?: string; children?: ComponentChildren; live?: boolean }) {
  return (
    <div class={'note ' + kind} role={live ? 'alert' : undefined}>
      <Icon name={noteIcons[kind]} size={20} />
      <div>
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  )
}

/** A problem as the box told it: what is, then what to do. */
export function ProblemNote({ problem }: { problem: Problem | undefined }) {
  if (!problem) return null
  return (
    <Note kind="bad" live title={problem.message}>
      {problem.whatToDo && <p>{problem.whatToDo}</p>}
      {problem.status === 412 && <p><a href={location.pathname + location.search} target="_blank">{t('net.changed.see')}</a></p>}
    </Note>
  )
}

/** Puts a text on the clipboard, and says that it did. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 2000)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <button type="button" class="quiet copy" onClick={() => navigator.clipboard?.writeText(text).then(() => setDone(true), () => undefined)}>
      <Icon name={done ? 'check' : 'copy'} size={16} />
      <span class="unseen" aria-live="polite">{done ? t('copy.done') : t('copy.do', { what: label })}</span>
    </button>
  )
}

/** Something is on its way. */
export function Busy({ label }: { label: string }) {
  return (
    <p class="busy" role="status">
      <Icon name="busy" />
      {label}
    </p>
  )
}

/** A fingerprint in pairs, which breaks only between them. */
export function Fingerprint({ text }: { text: string }) {
  return <code class="print">{text.split(':').map((pair, i) => [pair + (i < 31 ? ':' : ''), <wbr key={i} />])}</code>
}
