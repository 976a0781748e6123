import '../style/admin.css'
import { Title } from '../parts/parts'
import { path } from '../router'
import { undoOf } from './api'
import { AsOf } from './AsOf'
import { DeletedFolders, DeletedMessages } from './DeletedMail'
import { Parts } from './Pick'
import { t } from './texts'

const undo = undoOf(undefined)
const base = '/me/deleted'

/** /me/deleted: what somebody has deleted of their own mail. */
export default function OwnDeleted() {
  const part = path.value.slice(base.length + 1)
  return (
    <>
      <Title lead={t('undo.lead')}>{t('undo.title')}</Title>
      <Parts label={t('undo.parts')} parts={[[base, t('undo.messages')], [base + '/folders', t('undo.folders')], [base + '/time', t('undo.time')]]} />
      {part === '' && <DeletedMessages who="" undo={undo} />}
      {part === 'folders' && <DeletedFolders who="" undo={undo} />}
      {part === 'time' && <AsOf who="" undo={undo} />}
    </>
  )
}
