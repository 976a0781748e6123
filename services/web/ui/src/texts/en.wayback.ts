// The page on which an administrator gets a new password with a code from the box's screen.
export const wayback = {
  'wayback.title': 'A new password for an administrator',
  'wayback.lead': 'Press F9 on the box’s own keyboard: its screen then shows a code. Type it here within half an hour.',
  'wayback.address': 'The administrator’s address',
  'wayback.address.missing': 'The address is missing.',
  'wayback.address.mend': 'The box’s screen lists the administrators.',
  'wayback.password': 'New password',
  'wayback.go': 'Set the password',
  'wayback.done': 'The new password holds',
  'wayback.done.text': 'All browsers and mail programs of {address} have been signed out. Sign in with the new password, and type it into the mail programs.',
  'wayback.signin': 'Sign in',
  'link.title': 'Choose your password',
  'link.lead': 'Whoever runs the office’s mail box has made this link for you. The password you choose here is known to nobody else.',
  'link.done': 'Now set up your mail program with it.',
}
