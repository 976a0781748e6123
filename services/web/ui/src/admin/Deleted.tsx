import { api } from '../api'
import { Dialog } from '../parts/Dialog'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { go, path, query, setQuery } from '../router'
import { useState } from 'preact/hooks'
import { useAct, type Close } from './act'
import { office, undoOf, type RemovedPerson } from './api'
import { AsOf } from './AsOf'
import { DeletedFolders, DeletedMessages } from './DeletedMail'
import { FirstPassword } from './dialogs'
import { useLoad } from './load'
import { Parts, Pick } from './Pick'
import { Empty, dayText, When } from './show'
import { t } from './texts'

const base = '/admin/deleted'

/** /admin/deleted: what can still be brought back. */
export function Deleted() {
  const people = useLoad(api.people, [])
  const who = query.value.get('who') ?? ''
  const part = path.value.split('/')[3] ?? ''
  return (
    <>
      <Title lead={t('undo.lead')}>{t('undo.title')}</Title>
      <Parts label={t('undo.parts')} parts={[[base, t('undo.messages')], [base + '/folders', t('undo.folders')], [base + '/time', t('undo.time')], [base + '/people', t('undo.people')]]} />
      {part === 'people' ? <Removed /> : (
        <>
          <ProblemNote problem={people.problem} />
          {!people.data && !people.problem && <Busy label={t('loading')} />}
          {people.data && (
            <div class="narrow">
              <Pick label={t('undo.who')} value={who} onValue={(v) => setQuery('who', v)}
                options={[['', t('undo.who.choose')], ...people.data.map((p) => [p.address, p.name ? p.name + ' · ' + p.address : p.address] as const)]} />
            </div>
          )}
          {people.data && !who && <Empty icon="people" title={t('undo.who.none')}>{t('undo.who.none.text')}</Empty>}
          {who && part === '' && <DeletedMessages key={who} who={who} undo={undoOf(who)} />}
          {who && part === 'folders' && <DeletedFolders key={who} who={who} undo={undoOf(who)} />}
          {who && part === 'time' && <AsOf key={who} who={who} undo={undoOf(who)} />}
        </>
      )}
    </>
  )
}

/** People who were removed. */
function Removed() {
  const removed = useLoad(office.removed, [])
  const [said, setSaid] = useState('')
  const [, , , , id] = path.value.split('/')
  const person = removed.data?.find((p) => p.id === id)
  const close: Close = (text) => {
    go(base + '/people')
    if (text) {
      setSaid(text)
      void removed.reload()
    }
  }
  return (
    <>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={removed.problem} />
      {!removed.data && !removed.problem && <Busy label={t('loading')} />}
      {removed.data?.length === 0 && <Empty icon="people" title={t('undo.people.none')}>{t('undo.people.none.text')}</Empty>}
      {(removed.data?.length ?? 0) > 0 && (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">{t('people.col.name')}</th>
              <th scope="col">{t('people.col.address')}</th>
              <th scope="col">{t('undo.col.removed')}</th>
              <th scope="col">{t('undo.col.until')}</th>
              <th scope="col"><span class="unseen">{t('people.col.acts')}</span></th>
            </tr>
          </thead>
          <tbody>
            {removed.data?.map((p) => (
              <tr key={p.id}>
                <th scope="row">{p.name || t('people.nameless')}</th>
                <td class="break">{p.address}</td>
                <td class="soft" data-label={t('undo.col.removed')}><When at={p.at} /></td>
                <td class="soft" data-label={t('undo.col.until')}>{t('undo.until', { day: dayText(p.until) })}</td>
                <td class="acts"><a class="button" href={base + '/people/' + p.id}><Icon name="undo" />{t('undo.person')}<span class="unseen"> {p.name || p.address}</span></a></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {person && <BringBack person={person} close={close} />}
    </>
  )
}

function BringBack({ person, close }: { person: RemovedPerson; close: Close }) {
  const [address, setAddress] = useState(person.address)
  const [password, setPassword] = useState('')
  const { busy, problem, faults, act } = useAct(close)
  const name = person.name || person.address
  return (
    <Dialog title={t('undo.person.title', { name })} act={t('undo.person')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, {}, () => office.bringBack(person.id, address.trim() === person.address ? '' : address.trim(), password), t('undo.person.done', { name }))}>
      <p>{t('undo.person.text')}</p>
      <Field label={t('people.address')} value={address} onValue={setAddress} fault={faults['address']} input={{ inputMode: 'email', autocomplete: 'off' }} />
      <FirstPassword label={t('reset.label')} hint={t('undo.person.password')} value={password} onValue={setPassword} fault={faults['password']} />
    </Dialog>
  )
}
