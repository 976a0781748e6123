import type { Catalogue } from '.'
import type { role } from './en.role'

export default {
  'role.title': 'Çfarë mund të bëjë ky person',
  'role.hint': 'Gjithkush lexon dhe shkruan postën e vet. Kush mund të bëjë më shumë thuhet këtu dhe qëndron në listën e ndryshimeve.',
  'role.label': 'Roli',
  'role.none': 'Vetëm posta e vet',
  'role.help_desk': 'Ndihma',
  'role.domain': 'Administrator i disa domeneve',
  'role.admin': 'Administrator',
  'role.owner': 'Pronar',
  'role.none.hint': 'Përdor kutinë postare dhe asgjë tjetër.',
  'role.help_desk.hint': 'Sheh ku janë mesazhet dhe çfarë pret, dhe e provon përsëri atë që pret. Nuk hap asnjë mesazh.',
  'role.domain.hint': 'Kujdeset për personat dhe adresat e domeneve të shënuara, gjen postën prej tyre dhe për ta dhe nuk sheh asgjë të të tjerave.',
  'role.admin.hint': 'Drejton zyrën dhe kutinë.',
  'role.owner.hint': 'Drejton zyrën dhe kutinë, thotë kush çfarë mund të bëjë dhe mund ta rikthejë kutinë. Dy pronarë janë më mirë se një.',
  'role.domains': 'Domenet',
  'role.domains.missing': 'Asnjë domen nuk është shënuar.',
  'role.domains.mend': 'Shënoni ato, për personat e të cilave kujdeset.',
  'role.saved': 'U caktua. Vlen menjëherë.',
  'sure.title': 'A jeni ju?',
  'sure.text': 'Kjo nuk është për një shfletues që dikush e ka lënë hapur. Kutia pyet përsëri pas dhjetë minutash.',
  'sure.password': 'Fjalëkalimi juaj',
  'sure.act': 'Vazhdo',
} satisfies Catalogue<typeof role>
