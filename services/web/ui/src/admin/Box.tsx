import type { ComponentChildren } from 'preact'
import { Title } from '../parts/parts'
import { path } from '../router'
import { Admission } from './Admission'
import { BoxParts } from './BoxParts'
import { Certificates } from './Certificates'
import { Changes } from './Changes'
import { Disks } from './Disks'
import { Encryption } from './Encryption'
import { Log } from './Log'
import { Network } from './Network'
import { t } from './texts'
import { Tokens } from './Tokens'
import { Updates } from './Updates'
import { Watch } from './Watch'

/** /admin/box: the box itself, in parts. */
export function Box() {
  const part = path.value.split('/')[3] ?? ''
  const pages: Record<string, () => ComponentChildren> = { network: Network, admission: Admission, certificates: Certificates, disks: Disks, safe: Encryption, changes: Changes, log: Log, tokens: Tokens, watch: Watch }
  const Page = pages[part]
  if (!Page) return <Updates />
  return (
    <>
      <Title>{t(`box.part.${part as 'network' | 'admission' | 'certificates' | 'disks' | 'safe' | 'changes' | 'log' | 'tokens' | 'watch'}`)}</Title>
      <BoxParts />
      <Page />
    </>
  )
}
