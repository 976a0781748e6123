// The field that finds everything.
export const find = {
  'find.title': 'Find anything',
  'find.hint': 'A page, a person, an address, a message',
  'find.pages': 'Pages and settings',
  'find.messages': 'Messages',
  'find.untitled': 'No subject',
  'find.more': 'All that are like this',
  'find.none': 'Nothing is like that.',
  'find.close': 'Close',
  'find.count.one': 'One is found.',
  'find.count.other': '{n} are found.',
}
