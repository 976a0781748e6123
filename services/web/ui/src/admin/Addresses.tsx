import { useState } from 'preact/hooks'
import { localFault } from '../check/address'
import { Dialog } from '../parts/Dialog'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote, Title } from '../parts/parts'
import { decoded, go, path, query } from '../router'
import { useAct, type Close } from './act'
import { office, type Domain, type Kind, type Listing, type Senders } from './api'
import { addressesFault, Lines, linesOf } from './Lines'
import { useLoad } from './load'
import { Pick } from './Pick'
import { Search } from './Search'
import { Empty } from './show'
import { t } from './texts'

const base = '/admin/addresses'
const kinds: readonly Kind[] = ['alias', 'shared', 'group']
const senders: readonly Senders[] = ['anybody', 'office', 'members', 'named']

/** /admin/addresses: addresses beside people's own. */
export function Addresses() {
  const listings = useLoad(office.listings, [])
  const domains = useLoad(office.domains, [])
  const [said, setSaid] = useState('')
  const q = (query.value.get('q') ?? '').toLowerCase()
  const found = (listings.data ?? []).filter((l) => [l.address, l.name, ...l.members].join(' ').toLowerCase().includes(q))
  const [, , , which, act] = path.value.split('/')
  const chosen = listings.data?.find((l) => l.address === decoded(which ?? ''))
  const close: Close = (text) => {
    go(base + (q ? '?' + new URLSearchParams({ q }) : ''))
    if (text) {
      setSaid(text)
      void listings.reload()
    }
  }
  return (
    <>
      <div class="head">
        <Title lead={t('addr.lead')}>{t('addr.title')}</Title>
        <a class="button primary" href={base + '/add'}><Icon name="plus" />{t('addr.add')}</a>
      </div>
      {said && <Note kind="good" live>{said}</Note>}
      <ProblemNote problem={listings.problem ?? domains.problem} />
      {!listings.data && !listings.problem && <Busy label={t('loading')} />}
      {listings.data?.length === 0 && <Empty icon="at" title={t('addr.none')}>{t('addr.none.text')}</Empty>}
      {(listings.data?.length ?? 0) > 0 && <div class="tools"><Search label={t('addr.search')} /></div>}
      {found.length > 0 && <Table list={found} />}
      {q && found.length === 0 && <p class="empty">{t('addr.none.found')}</p>}
      {which === 'add' && domains.data && <Edit domains={domains.data} close={close} />}
      {chosen && act === 'edit' && domains.data && <Edit key={chosen.address} listing={chosen} domains={domains.data} close={close} />}
      {chosen && act === 'remove' && <Remove listing={chosen} close={close} />}
    </>
  )
}

function Table({ list }: { list: Listing[] }) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">{t('people.col.address')}</th>
          <th scope="col">{t('addr.col.kind')}</th>
          <th scope="col">{t('addr.col.members')}</th>
          <th scope="col"><span class="unseen">{t('people.col.acts')}</span></th>
        </tr>
      </thead>
      <tbody>
        {list.map((l) => (
          <tr key={l.address}>
            <th scope="row" class="break">{l.address}{l.name && <small class="words">{l.name}</small>}</th>
            <td>{t(`addr.kind.${l.kind}`)}{l.who && l.who !== 'anybody' && <small class="words">{t(`addr.who.${l.who}`)}</small>}</td>
            <td class="break">{l.members.slice(0, 5).join(', ')}{l.members.length > 5 && ' … (' + l.members.length + ')'}</td>
            <td class="acts">
              <a class="button quiet" href={`${base}/${encodeURIComponent(l.address)}/edit`}><Icon name="edit" />{t('change')}<span class="unseen"> {l.address}</span></a>
              <a class="button quiet" href={`${base}/${encodeURIComponent(l.address)}/remove`}><Icon name="remove" />{t('people.act.remove')}<span class="unseen"> {l.address}</span></a>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Edit({ listing, domains, close }: { listing?: Listing; domains: Domain[]; close: Close }) {
  const [kind, setKind] = useState<Kind>(listing?.kind ?? 'alias')
  const [local, setLocal] = useState('')
  const [domain, setDomain] = useState(domains.find((d) => d.main)?.name ?? domains[0]?.name ?? '')
  const [name, setName] = useState(listing?.name ?? '')
  const [members, setMembers] = useState(listing?.members.join('\n') ?? query.value.get('for') ?? '')
  const [who, setWho] = useState<Senders>(listing?.who ?? 'anybody')
  const [named, setNamed] = useState(listing?.named?.join('\n') ?? '')
  const { busy, problem, faults, act } = useAct(close)
  const address = listing?.address ?? local.trim() + '@' + domain
  const save = () => office.setListing({ address, kind, name: name.trim(), members: linesOf(members), who, named: who === 'named' ? linesOf(named) : [] })
  const found = {
    address: listing ? undefined : localFault(local.trim()),
    members: addressesFault(members, true),
    named: kind === 'group' && who === 'named' ? addressesFault(named, true) : undefined,
  }
  return (
    <Dialog title={listing ? address : t('addr.add')} act={t(listing ? 'save' : 'add.go')} busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, found, save, t('addr.done', { address }))}>
      {(!listing || listing.kind !== 'group') && (
        <Pick label={t('addr.col.kind')} hint={t(`addr.kind.${kind}.text`)} value={kind} onValue={(v) => setKind(v as Kind)}
          options={kinds.filter((k) => !listing || k !== 'group').map((k) => [k, t(`addr.kind.${k}`)])} />
      )}
      {!listing && (
        <Field label={t('people.address')} value={local} onValue={(v) => setLocal(v.toLowerCase())} fault={faults['address']}
          after={domains.length === 1 ? <span class="suffix">@{domain}</span> : undefined} input={{ autocomplete: 'off' }} />
      )}
      {!listing && domains.length > 1 && <Pick label={t('addr.domain')} value={domain} onValue={setDomain} options={domains.filter((d) => !d.alias_of).map((d) => [d.name, '@' + d.name])} />}
      {kind !== 'alias' && <Field label={t('addr.name')} hint={t('addr.name.hint')} value={name} onValue={setName} fault={faults['name']} input={{ autocomplete: 'off' }} />}
      <Lines label={t(kind === 'alias' ? 'addr.whose' : 'addr.col.members')} hint={t(`addr.members.${kind}`)} value={members} onValue={setMembers} fault={faults['members']} rows={kind === 'alias' ? 1 : 4} />
      {kind === 'group' && <Pick label={t('addr.who')} value={who} onValue={(v) => setWho(v as Senders)} options={senders.map((w) => [w, t(`addr.who.${w}`)])} />}
      {kind === 'group' && who === 'named' && <Lines label={t('addr.named')} value={named} onValue={setNamed} fault={faults['named']} />}
    </Dialog>
  )
}

function Remove({ listing, close }: { listing: Listing; close: Close }) {
  const { busy, problem, faults, act } = useAct(close)
  const fault = faults['address'] ?? faults['members']
  return (
    <Dialog title={t('remove.title', { name: listing.address })} act={t('people.act.remove')} danger busy={busy} problem={problem} onClose={() => close()}
      onAct={(form) => act(form, {}, () => office.removeListing(listing), t('remove.done', { name: listing.address }))}>
      <p>{t('addr.remove.text')}</p>
      {fault && <p class="fault" role="alert"><Icon name="bad" size={16} /><span>{fault.message} {fault.mend}</span></p>}
    </Dialog>
  )
}
