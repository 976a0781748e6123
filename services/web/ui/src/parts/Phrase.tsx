import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Problem } from '../api'
import { problemOf } from '../api'
import { Field } from './Field'
import { Icon } from './Icon'
import { CopyButton, ProblemNote } from './parts'
import { t } from './safe'

/** Which groups are typed back: one early, one late, others each time. */
const choose = () => [1 + Math.floor(Math.random() * 4), 5 + Math.floor(Math.random() * 4)]

const tidy = (text: string) => text.toUpperCase().replaceAll(/[^0-9A-Z]/g, '').replaceAll(/[IL]/g, '1').replaceAll('O', '0').replaceAll('U', 'V')

/** A recovery phrase, shown once and confirmed. It is never kept anywhere but on this screen. */
export function Phrase({ phrase, keep, label, children }: { phrase: string; keep: () => Promise<void>; label?: string; children?: ComponentChildren }) {
  const [asked] = useState(choose)
  const [typed, setTyped] = useState<string[]>(['', ''])
  const [tried, setTried] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const groups = phrase.split(' ')
  const wrong = asked.map((n, i) => tidy(typed[i]!) !== groups[n - 1])
  const submit = async (form: HTMLFormElement) => {
    setTried(true)
    setProblem(undefined)
    if (wrong.some(Boolean)) return void requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid]')?.focus())
    setBusy(true)
    await keep().catch((error: unknown) => setProblem(problemOf(error)))
    setBusy(false)
  }
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); if (!busy) void submit(e.currentTarget) }}>
      <h2>{t('phrase.title')}</h2>
      <p>{t('phrase.text')}</p>
      <ol class="phrase" aria-label={t('phrase.title')}>
        {groups.map((g) => <li key={g}><code>{g}</code></li>)}
      </ol>
      <div class="row-actions no-print">
        <CopyButton text={phrase} label={t('phrase.copy')} />
        <button type="button" onClick={() => { document.documentElement.dataset['print'] = 'page'; window.print() }}><Icon name="print" />{t('phrase.print')}</button>
      </div>
      <fieldset class="mailbox no-print">
        <legend>{t('phrase.back')}</legend>
        <div class="pair">
          {asked.map((n, i) => (
            <Field key={n} label={t('phrase.group', { n })} value={typed[i]!} onValue={(v) => setTyped(typed.map((x, j) => (i === j ? v : x)))}
              fault={tried && wrong[i] ? { message: t('phrase.wrong'), mend: t('phrase.wrong.mend') } : undefined}
              input={{ autocomplete: 'off', autocapitalize: 'characters', class: 'mono' }} />
          ))}
        </div>
      </fieldset>
      {children}
      <ProblemNote problem={problem} />
      <div class="actions no-print">
        <button type="submit" class="primary" aria-disabled={busy}>{busy && <Icon name="busy" />}{label ?? t('phrase.keep')}</button>
      </div>
    </form>
  )
}
