import { useId } from 'preact/hooks'
import type { Fault } from '../check/fault'
import { FaultText } from '../parts/Field'
import { t } from './texts'

/** Several values, one on each line. */
export function Lines({ label, hint, value, onValue, fault, rows = 3 }: {
  label: string
  hint?: string
  value: string
  onValue: (value: string) => void
  fault?: Fault | undefined
  rows?: number
}) {
  const id = useId()
  return (
    <div class={'field' + (fault ? ' has-fault' : '')}>
      <label for={id}>{label}</label>
      {hint && <div id={id + '-hint'} class="hint">{hint}</div>}
      <textarea id={id} rows={rows} value={value} spellcheck={false} autocapitalize="off" aria-invalid={fault ? 'true' : undefined}
        aria-describedby={(hint ? id + '-hint ' : '') + id + '-fault'} onInput={(e) => onValue(e.currentTarget.value)} />
      <FaultText id={id + '-fault'} fault={fault} />
    </div>
  )
}

/** What stands on the lines; people also put commas and semicolons between. */
export const linesOf = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)

/** What is wrong with a list of addresses. */
export function addressesFault(text: string, needed = false): Fault | undefined {
  const list = linesOf(text)
  if (needed && list.length === 0) return { message: t('lines.none'), mend: t('lines.mend') }
  const wrong = list.find((a) => !/^[^@]+@[^@]+$/.test(a))
  return wrong === undefined ? undefined : { message: t('lines.wrong', { text: wrong }), mend: t('lines.mend') }
}
