import '../style/admin.css'
import { Icon } from '../parts/Icon'
import { Title } from '../parts/parts'
import { Archive } from './Archive'
import { t } from './texts'

/** /me/mail: somebody's own mail, taken along or brought. */
export default function OwnMail() {
  return (
    <>
      <p class="back-line"><a href="/me"><Icon name="back" size={16} />{t('frame.me')}</a></p>
      <Title>{t('archive.title')}</Title>
      <Archive />
    </>
  )
}
