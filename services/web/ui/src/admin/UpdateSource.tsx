import { useState } from 'preact/hooks'
import { call } from '../api'
import { Field } from '../parts/Field'
import { Icon } from '../parts/Icon'
import { Note } from '../parts/parts'
import { useLoad } from './load'
import { Saving } from './Saving'
import { whenText } from './show'
import { t } from './texts'

interface Source {
  url: string
  window: string[]
  asked?: string
  waiting: boolean
  problem?: string
}

/** Where updates come from by themselves; nothing where this box has no such settings. */
export function UpdateSource() {
  const loaded = useLoad(() => call<Source>('GET', '/api/update/source'), [])
  return loaded.data ? <Form was={loaded.data} reload={loaded.reload} /> : null
}

function Form({ was, reload }: { was: Source; reload: () => Promise<void> }) {
  const [url, setURL] = useState(was.url)
  const [window, setWindow] = useState(was.window.join(', '))
  const save = async () => {
    await call('PUT', '/api/update/source', { url: url.trim(), window: window.split(',').map((p) => p.trim()).filter(Boolean) })
    await reload()
  }
  return (
    <section class="panel narrow">
      <h2><Icon name="download" size={20} />{t('source.title')}</h2>
      {was.problem && <Note kind="wait" title={t('source.bad')}>{was.problem}</Note>}
      {was.waiting && <Note kind="info">{t('source.waiting')}</Note>}
      {was.asked && <p class="soft">{t('source.asked', { when: whenText(was.asked) })}</p>}
      <Saving save={save} said={t('saved')}>
        {(faults) => (
          <>
            <Field label={t('source.url')} hint={t('source.url.hint')} value={url} onValue={setURL} fault={faults['url']} input={{ inputMode: 'url' }} />
            <Field label={t('source.window')} hint={t('source.window.hint')} value={window} onValue={setWindow} fault={faults['window']} />
          </>
        )}
      </Saving>
    </section>
  )
}
