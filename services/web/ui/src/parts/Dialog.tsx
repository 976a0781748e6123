import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import type { Problem } from '../api'
import { t } from '../texts'
import { Icon } from './Icon'
import { ProblemNote } from './parts'

/** A question in front of the page. The browser's own dialog keeps the focus
 * inside, closes on Esc and gives the focus back. */
export function Dialog({ title, children, act, danger, busy, problem, onAct, onClose }: {
  title: string
  children: ComponentChildren
  act: string
  danger?: boolean
  busy: boolean
  problem: Problem | undefined
  onAct: (form: HTMLFormElement) => void
  onClose: () => void
}) {
  const id = useId()
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current!
    dialog.showModal()
    return () => dialog.close()
  }, [])
  return (
    <dialog ref={ref} aria-labelledby={id} onCancel={(e) => { e.preventDefault(); onClose() }}
      onClick={(e) => e.target === ref.current && onClose()}>
      <form noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) onAct(e.currentTarget) }}>
        <h2 id={id}>{title}</h2>
        <ProblemNote problem={problem} />
        {children}
        <div class="actions">
          <button type="submit" class={danger ? 'primary danger' : 'primary'} aria-disabled={busy}>
            {busy && <Icon name="busy" />}
            {act}
          </button>
          <button type="button" class="quiet" onClick={onClose}>{t('cancel')}</button>
        </div>
      </form>
    </dialog>
  )
}
