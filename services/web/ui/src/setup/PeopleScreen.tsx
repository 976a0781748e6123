import { batch } from '@preact/signals'
import { Component } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { suggestLocal } from '../check/address'
import type { Fault } from '../check/fault'
import { newPassword } from '../check/password'
import { MAX_PEOPLE, parsePeople } from '../check/people'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Note, Title } from '../parts/parts'
import { count, t } from '../texts'
import { leave, next, shown, StepForm } from './step'
import { addPerson, change, changePerson, domain, draft, faultsOf, passwordsRenewed, peoplePasswords, removePerson, type Faults, type PersonDraft } from './state'

/** Screen 5: who gets a mailbox. */
export function PeopleScreen() {
  const [pasting, setPasting] = useState(false)
  const [said, setSaid] = useState('')
  const list = useRef<HTMLDivElement>(null)
  const faults = faultsOf('people')
  const people = draft.value.people
  const focusRow = (id: number) => requestAnimationFrame(() => list.current?.querySelector<HTMLInputElement>(`[data-id="${id}"] input`)?.focus())
  const add = () => focusRow(addPerson())
  const remove = (p: PersonDraft) => {
    const people = draft.value.people
    const at = people.findIndex((q) => q.id === p.id)
    removePerson(p.id)
    setSaid(t('people.removed', { name: p.name || p.local || t('people.nameless') }))
    const neighbour = people[at + 1] ?? people[at - 1]
    if (neighbour) focusRow(neighbour.id)
    else requestAnimationFrame(() => list.current?.querySelector<HTMLElement>('button')?.focus())
  }
  const submit = (form: HTMLFormElement) => {
    // A row that was opened and left empty isn't a person.
    change({ people: draft.value.people.filter((p) => p.name || p.local) })
    next('people', form)
  }
  return (
    <>
      <Title lead={t('people.lead', { domain: domain.value })}>{t('people.title')}</Title>
      {passwordsRenewed.value && people.length > 0 && (
        <Note kind="info" title={t('people.renewed')}>{t('people.renewed.text')}</Note>
      )}
      <StepForm step="people" submit={submit} label={people.length ? undefined : t('people.skip')} calm={pasting}>
        <div ref={list} class="people-list">
          {people.length > 0 && (
            <div class="people-head" aria-hidden="true">
              <span>{t('people.name')}</span>
              <span>{t('people.address')}</span>
              <span>{t('people.password')}</span>
            </div>
          )}
          {people.map((p) => (
            <PersonRow key={p.id} person={p} password={peoplePasswords.value[p.id] ?? ''} domain={domain.value} onRemove={remove}
              faults={rowFaults(p, faults)} />
          ))}
          {people.length === 0 && !pasting && (
            <div class="empty">
              <Icon name="people" size={28} />
              <p>{t('people.empty')}</p>
            </div>
          )}
          <div class="row-actions">
            <button type="button" onClick={add} disabled={people.length >= MAX_PEOPLE}>
              <Icon name="plus" />
              {t('people.add')}
            </button>
            <button type="button" aria-expanded={pasting} onClick={() => setPasting(!pasting)}>
              <Icon name="list" />
              {t('people.paste')}
            </button>
            <span class="soft" role="status">{said || (people.length > 0 ? count('people.count', people.length) : '')}</span>
          </div>
        </div>
        {pasting && (
          <PastePanel
            onClose={() => setPasting(false)}
            onTaken={(n) => {
              setPasting(false)
              setSaid(count('people.taken', n))
            }}
          />
        )}
      </StepForm>
    </>
  )
}

type RowFaults = [name: Fault | undefined, local: Fault | undefined, password: Fault | undefined]

/** What to show under a row's fields. An empty row is forgiven until it has
 * something in it. */
function rowFaults(p: PersonDraft, faults: Faults): RowFaults {
  const show = (field: string) => (p.name || p.local ? shown(faults, `${field}-${p.id}`) : undefined)
  return [show('name'), show('local'), show('password')]
}

interface RowProps {
  person: PersonDraft
  password: string
  domain: string
  faults: RowFaults
  onRemove: (p: PersonDraft) => void
}

/** One person. A row is drawn again only when something in it has changed: with
 * 300 of them, typing would drag otherwise. */
class PersonRow extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps) {
    const now = this.props
    return now.person !== next.person || now.password !== next.password || now.domain !== next.domain ||
      now.faults.some((f, i) => f?.message !== next.faults[i]?.message)
  }

  override render({ person: p, password, domain, faults, onRemove }: RowProps) {
    const setPassword = (v: string) => (peoplePasswords.value = { ...peoplePasswords.value, [p.id]: v })
    const who = p.name || p.local || t('people.nameless')
    return (
      <div class="person" data-id={p.id} role="group" aria-label={who}>
        <Field
          label={t('people.name')}
          value={p.name}
          onValue={(name) => changePerson(p.id, { name, local: p.touched ? p.local : suggestLocal(name) })}
          onLeave={leave('name-' + p.id)}
          fault={faults[0]}
          input={{ autocomplete: 'off', autocapitalize: 'words' }}
        />
        <Field
          label={t('people.address')}
          value={p.local}
          onValue={(local) => changePerson(p.id, { local: local.trim().toLowerCase(), touched: true })}
          onLeave={leave('local-' + p.id)}
          fault={faults[1]}
          after={<span class="suffix">@{domain}</span>}
          input={{ autocomplete: 'off' }}
        />
        <Field
          label={t('people.password')}
          value={password}
          onValue={setPassword}
          onLeave={leave('password-' + p.id)}
          fault={faults[2]}
          after={
            <button type="button" class="in-box" onClick={() => setPassword(newPassword())} title={t('people.dice')}>
              <Icon name="dice" />
              <span class="unseen">{t('people.dice.for', { name: who })}</span>
            </button>
          }
          input={{ autocomplete: 'off', class: 'mono' }}
        />
        <button type="button" class="quiet remove" onClick={() => onRemove(p)} title={t('people.remove')}>
          <Icon name="remove" />
          <span class="unseen">{t('people.remove.who', { name: who })}</span>
        </button>
      </div>
    )
  }
}

/** A list from elsewhere: pasted, or a CSV file. Nothing is taken before the
 * person has seen what was understood. */
function PastePanel({ onClose, onTaken }: { onClose: () => void; onTaken: (n: number) => void }) {
  const id = useId()
  const [text, setText] = useState('')
  const area = useRef<HTMLTextAreaElement>(null)
  useEffect(() => area.current?.focus(), [])
  const parsed = parsePeople(text)
  const known = new Set([draft.value.local, ...draft.value.people.map((p) => p.local)])
  const rows = parsed.rows.filter((r) => !known.has(r.local))
  const foreign = parsed.rows.filter((r) => r.domain && r.domain !== domain.value).length
  const doubles = parsed.rows.length - rows.length
  const take = () => {
    batch(() => {
      for (const r of rows.slice(0, MAX_PEOPLE - draft.value.people.length)) {
        addPerson({ name: r.name, local: r.local, touched: true, password: r.password })
      }
    })
    onTaken(rows.length)
  }
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{t('paste.title')}</h2>
      <p class="hint" id={id + '-hint'}>{t('paste.hint')}</p>
      <textarea ref={area} rows={6} value={text} aria-labelledby={id} aria-describedby={id + '-hint'} spellcheck={false} placeholder={t('paste.example')}
        onInput={(e) => setText(e.currentTarget.value)} onKeyDown={(e) => e.key === 'Escape' && onClose()} />
      <p role="status" class="paste-result">
        {text.trim() && (
          <>
            <strong>{count('paste.found', rows.length)}</strong>
            {doubles > 0 && <span> {count('paste.doubles', doubles)}</span>}
            {foreign > 0 && <span> {count('paste.foreign', foreign, { domain: domain.value })}</span>}
            {parsed.bad.length > 0 && (
              <span class="bad-lines">
                {' '}{count('paste.bad', parsed.bad.length)}{' '}
                {parsed.bad.slice(0, 3).map((b) => t('paste.bad.line', { line: b.line, text: b.text })).join(' ')}
              </span>
            )}
          </>
        )}
      </p>
      <div class="row-actions">
        <button type="button" class="primary" disabled={rows.length === 0} onClick={take}>{count('paste.take', rows.length)}</button>
        <label class="file-button">
          <Icon name="upload" />
          {t('paste.file')}
          <input type="file" class="unseen" accept=".csv,.txt,text/csv,text/plain"
            onChange={(e) => e.currentTarget.files?.[0]?.slice(0, 1 << 20).text().then(setText, () => undefined)} />
        </label>
        <button type="button" class="quiet" onClick={onClose}>{t('cancel')}</button>
      </div>
    </section>
  )
}
