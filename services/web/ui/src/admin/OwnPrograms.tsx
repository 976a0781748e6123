import '../style/admin.css'
import { Icon } from '../parts/Icon'
import { Title } from '../parts/parts'
import { Fetching, OldLogIn } from './Fetching'
import { LogInCertificates } from './LogInCertificates'
import { t } from './texts'

/** /me/programs: what is special about somebody's own mail programs. */
export default function OwnPrograms() {
  return (
    <>
      <p class="back-line"><a href="/me"><Icon name="back" size={16} />{t('frame.me')}</a></p>
      <Title lead={t('me.special.lead')}>{t('me.special')}</Title>
      <Fetching />
      <OldLogIn />
      <LogInCertificates />
    </>
  )
}
