import { useId } from 'preact/hooks'
import { choose, language, languages, t, type Language } from '../texts'
import { Icon } from './Icon'

/** In which language the pages speak. To choose another one loads the page anew. */
export function Languages() {
  const id = useId()
  return (
    <div class="languages no-print">
      <Icon name="globe" size={16} />
      <label class="unseen" for={id}>{t('lang.label')}</label>
      <select id={id} value={language} onChange={(e) => choose(e.currentTarget.value as Language)}>
        {Object.entries(languages).map(([name, self]) => <option key={name} value={name} lang={name} selected={name === language}>{self}</option>)}
      </select>
    </div>
  )
}
