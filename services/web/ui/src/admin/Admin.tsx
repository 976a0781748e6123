import '../style/admin.css'
import type { Status } from '../api'
import { Title } from '../parts/parts'
import { path } from '../router'
import { Addresses } from './Addresses'
import { Box } from './Box'
import { Deleted } from './Deleted'
import { Dns } from './Dns'
import { Flow } from './Flow'
import { Overview } from './Overview'
import { People } from './People'
import { Queue } from './Queue'
import { t } from './texts'

/** The pages of whoever runs the box. They are fetched when one is opened. */
export default function Admin({ status }: { status: Status }) {
  switch (path.value.split('/')[2] ?? '') {
    case '':
      return <Overview />
    case 'people':
      return <People status={status} />
    case 'addresses':
      return <Addresses />
    case 'waiting':
      return <Queue />
    case 'dns':
      return <Dns />
    case 'box':
      return <Box />
    case 'flow':
      return <Flow />
    case 'deleted':
      return <Deleted />
  }
  return <Title lead={t('lost.lead')}>{t('lost.title')}</Title>
}
