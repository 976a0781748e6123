import type { Catalogue } from '.'
import type { role } from './en.role'

export default {
  'role.title': 'Was diese Person darf',
  'role.hint': 'Jeder liest und schreibt seine eigene Post. Wer mehr darf, steht hier und in der Liste der Änderungen.',
  'role.label': 'Rolle',
  'role.none': 'Nur die eigene Post',
  'role.help_desk': 'Auskunft',
  'role.domain': 'Administrator einiger Domains',
  'role.admin': 'Administrator',
  'role.owner': 'Inhaber',
  'role.none.hint': 'Nutzt das Postfach und sonst nichts.',
  'role.help_desk.hint': 'Sieht, wo Nachrichten sind und was wartet, und versucht Wartendes erneut. Öffnet keine Nachricht.',
  'role.domain.hint': 'Betreut die Personen und Adressen der angehakten Domains, findet Mail von und an sie und sieht nichts von anderen.',
  'role.admin.hint': 'Betreut das Büro und die Box.',
  'role.owner.hint': 'Betreut das Büro und die Box, sagt, wer was darf, und kann die Box zurücksetzen. Zwei Inhaber sind besser als einer.',
  'role.domains': 'Domains',
  'role.domains.missing': 'Keine Domain ist angehakt.',
  'role.domains.mend': 'Haken Sie die an, deren Personen betreut werden.',
  'role.saved': 'Gesetzt. Es gilt sofort.',
  'sure.title': 'Sind Sie es?',
  'sure.text': 'Das darf kein Browser, den jemand offen gelassen hat. Nach zehn Minuten fragt die Box wieder.',
  'sure.password': 'Ihr Passwort',
  'sure.act': 'Weiter',
} satisfies Catalogue<typeof role>
