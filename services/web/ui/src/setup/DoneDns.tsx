import '../style/admin.css'
import { useEffect, useState } from 'preact/hooks'
import { Card } from '../admin/Dns'
import { office } from '../admin/api'
import { useLoad } from '../admin/load'
import { count, t } from '../admin/texts'
import { api } from '../api'
import { Icon } from '../parts/Icon'
import { Busy, Note, ProblemNote } from '../parts/parts'
import { adminPassword, setupDocument } from './state'

/** How often DNS is asked while somebody waits for a record. */
const again = 20_000

/** What to put into DNS, with ticks that come as the world sees it. Whoever has just set the box up is signed in for it. */
export default function DoneDns() {
  const [signedIn, setSignedIn] = useState<boolean>()
  useEffect(() => void api.signIn(setupDocument().admin.address, adminPassword.value).then(() => setSignedIn(true), () => setSignedIn(false)), [])
  return signedIn ? <Records /> : signedIn === undefined ? <Busy label={t('loading')} /> : null
}

function Records() {
  const proposed = useLoad(() => office.dns(false), [])
  const looked = useLoad(() => office.dns(true), [], again)
  if (proposed.absent) return null
  const list = (looked.data ?? proposed.data)?.records.filter((r) => r.need === 'needed')
  const wrong = looked.data?.records.filter((r) => r.need === 'needed' && r.state !== 'ok').length
  return (
    <section class="panel" aria-labelledby="done-dns">
      <div class="panel-head">
        <h2 id="done-dns">{t('dns.title')}</h2>
        <button type="button" class="no-print" aria-disabled={looked.busy} onClick={() => { if (!looked.busy) void looked.reload() }}><Icon name={looked.busy ? 'busy' : 'retry'} />{t(looked.busy ? 'dns.asking' : 'dns.again')}</button>
      </div>
      <p class="hint">{t('dns.lead')}</p>
      <ProblemNote problem={proposed.problem} />
      <div aria-live="polite">
        {wrong !== undefined && (wrong === 0 ? <Note kind="good" title={t('dns.well')}>{t('dns.well.text')}</Note> : <Note kind="wait" title={count('dns.wrong', wrong)}>{t('dns.wrong.text')}</Note>)}
      </div>
      <ul class="records">{list?.map((r) => <Card key={r.type + r.name + r.value} record={r} known={!!looked.data} />)}</ul>
    </section>
  )
}
