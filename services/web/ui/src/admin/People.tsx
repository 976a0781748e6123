import { useEffect, useState } from 'preact/hooks'
import { api, problemOf, type Person, type Problem, type Status } from '../api'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { decoded, go, path, query } from '../router'
import { locale } from '../texts'
import { count, t } from './texts'
import { ImportPeople } from './ImportPeople'
import { AddDialog, PasswordDialog, RemoveDialog } from './dialogs'
import { PersonPage } from './PersonPage'
import { Search } from './Search'
import { me } from './session'

/** More rows than this are not drawn at once: the field above finds the rest. */
const MAX_SHOWN = 200

/** /admin/people: who works here. The dialogs have addresses of their own. */
export function People({ status }: { status: Status }) {
  const [people, setPeople] = useState<Person[]>()
  const [problem, setProblem] = useState<Problem>()
  const [said, setSaid] = useState('')
  const load = () => api.people().then((p) => { setPeople(p); setProblem(undefined) }, (e) => setProblem(problemOf(e)))
  useEffect(() => void load(), [])
  useEffect(() => {
    if (problem?.status === 401) me.value = null
  }, [problem])
  const q = query.value.get('q') ?? ''
  const found = (people ?? []).filter((p) => (p.name + ' ' + p.address).toLowerCase().includes(q.toLowerCase()))
  const back = '/admin/people' + (q ? '?' + new URLSearchParams({ q }) : '')
  const close = (text?: string) => {
    go(back)
    if (text) {
      setSaid(text)
      void load()
    }
  }
  const [, , , who, act] = path.value.split('/')
  const chosen = people?.find((p) => p.address === decoded(who ?? ''))
  const domains = me.value?.domains ?? status.domains ?? []
  if (who === 'import' && people) return <ImportPeople people={people} domains={domains} reload={() => void load()} />
  if (chosen && act !== 'password' && act !== 'remove') return <PersonPage key={chosen.address} person={chosen} part={act ?? ''} domains={status.domains ?? []} reload={() => void load()} />
  return (
    <>
      <div class="head">
        <Title lead={people ? count('people.count', people.length) : undefined}>{t('people.admin.title')}</Title>
        <div class="row-actions">
          <a class="button primary" href="/admin/people/add"><Icon name="addPerson" />{t('people.add')}</a>
          <a class="button" href="/admin/people/import"><Icon name="upload" />{t('import.open')}</a>
          <a class="button quiet" href="/api/people.csv" download><Icon name="download" />{t('import.export')}</a>
        </div>
      </div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={problem} />
      {!people && !problem && <Busy label={t('loading')} />}
      {people && (
        <>
          <Search label={t('people.search')} />
          <PeopleTable people={found.slice(0, MAX_SHOWN)} />
          {found.length === 0 && <p class="empty">{t('people.none', { q })}</p>}
          {found.length > MAX_SHOWN && <p class="soft">{t('people.many', { shown: MAX_SHOWN, all: found.length })}</p>}
        </>
      )}
      <Dialog status={status} people={people} close={close} />
    </>
  )
}

function PeopleTable({ people }: { people: Person[] }) {
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })
  if (people.length === 0) return null
  return (
    <table class="people">
      <thead>
        <tr>
          <th scope="col">{t('people.col.name')}</th>
          <th scope="col">{t('people.col.address')}</th>
          <th scope="col">{t('people.col.since')}</th>
          <th scope="col"><span class="unseen">{t('people.col.acts')}</span></th>
        </tr>
      </thead>
      <tbody>
        {people.map((p) => (
          <tr key={p.address}>
            <th scope="row">
              <a class="row-link" href={'/admin/people/' + encodeURIComponent(p.address)}>{p.name || t('people.nameless')}<span class="unseen"> {p.name ? '' : p.address}</span></a>
              {p.role && <span class="badge"><Icon name="shield" size={14} />{t(`role.${p.role}`)}</span>}
              {p.disabled && <span class="badge"><Icon name="key" size={14} />{t('people.disabled')}</span>}
            </th>
            <td class="break">{p.address}</td>
            <td class="soft">{p.created ? date.format(new Date(p.created)) : ''}</td>
            <td class="acts">
              <a class="button quiet" href={p.address === me.value?.address ? '/me' : '/admin/people/' + encodeURIComponent(p.address) + '/password'}>
                <Icon name="key" />
                {t('people.act.password')}
                <span class="unseen"> {p.name || p.address}</span>
              </a>
              {p.address !== me.value?.address && (
                <a class="button quiet" href={'/admin/people/' + encodeURIComponent(p.address) + '/remove'}>
                  <Icon name="remove" />
                  {t('people.act.remove')}
                  <span class="unseen"> {p.name || p.address}</span>
                </a>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The dialog that the address asks for. */
function Dialog({ status, people, close }: { status: Status; people: Person[] | undefined; close: (said?: string) => void }) {
  const [, , , who, act] = path.value.split('/')
  if (who === 'add') return <AddDialog domain={me.value?.domains?.[0] ?? status.domains?.[0] ?? ''} close={close} />
  const person = people?.find((p) => p.address === decoded(who ?? ''))
  if (!person) return null
  if (act === 'password') return <PasswordDialog person={person} close={close} />
  if (act === 'remove') return <RemoveDialog person={person} days={status.recoverable_days ?? 0} close={close} />
  return null
}
