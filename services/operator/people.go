package operator

// peopleCommands are those about people and addresses.
func peopleCommands() []command {
	return []command{
		{"user list", "WHERE", "list the people", userList},
		{"user add", "ADDRESS [--name NAME] [--admin] WHERE", "add a person; the password is asked for", userAdd},
		{"user import", "FILE WHERE", "add all people of a table (CSV) whose first line names its columns: address, name, password; nobody unless every line is right. Passwords that are missing are made and written as a table", userImport},
		{"user export", "--box https://ADDRESS --token-file FILE [--ca FILE]", "write the people as a table (CSV): role, aliases, groups, bound and use", userExport},
		{"user passwd", "ADDRESS WHERE", "set a person's password; it is asked for", userPasswd},
		{"user link", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "make a link by which a person chooses a password that nobody else knows; it is good once, for a day", userLink},
		{"user disable", "ADDRESS WHERE", "let nobody log in as a person, at once and with whatever they have; mail goes on to arrive", userDisable(true)},
		{"user enable", "ADDRESS WHERE", "let them log in again", userDisable(false)},
		{"user role", "ADDRESS ROLE [--domains NAME,NAME] WHERE", "say what a person may do beside using their own mailbox: owner (and says who has which role), admin (runs the office), domain (looks after the people of --domains), help-desk (follows messages without reading any), none", userRole},
		{"user quota", "ADDRESS [--bytes SIZE] [--messages NUMBER] WHERE", "show what a person's mail takes up and may take up; with --bytes (500M, 20G) or --messages set that, none for no bound", userQuota},
		{"limits", "[ADDRESS] [--messages NUMBER] [--recipients NUMBER] WHERE", "show how much a person, or everybody, may send within a day; with --messages or --recipients (addresses written to for the first time) set that: a number, usual, or none", limits},
		{"user remove", "ADDRESS WHERE", "remove a person; the mail stays recoverable", userRemove},
		{"user forward", "ADDRESS [--to ADDRESS,ADDRESS [--keep]] WHERE", "show where a person's mail is passed on to; with --to set that (none: nowhere), with --keep a copy stays here", userForward},
		{"user local-only", "ADDRESS ON-OR-OFF WHERE", "on: the person gets mail from inside the office only, and sends only there", userLocalOnly},
		{"user send-as", "ADDRESS ADDRESS,ADDRESS WHERE", "say which addresses a person may send as beside their own (none: no others)", userSendAs},
		{"alias list", "WHERE", "list further addresses of people, and shared ones", aliasList},
		{"alias set", "ADDRESS PERSON[,PERSON] [--name NAME] [--shared] WHERE", "make a further address for a person; with --shared for several, who may all send as it", aliasSet},
		{"alias remove", "ADDRESS WHERE", "end such an address", aliasRemove},
		{"group list", "WHERE", "list the groups and who may send to them", groupList},
		{"group set", "ADDRESS MEMBER,MEMBER [--name NAME] [--who anybody|office|members|named] [--named ADDRESS,ADDRESS] WHERE", "make an address that passes mail on, here and outside, and say who may send to it", groupSet},
		{"group remove", "ADDRESS WHERE", "end a group", groupRemove},
		{"domain list", "WHERE", "list the office's domains", domainList},
		{"domain set", "NAME [--alias-of NAME] [--catch-all ADDRESS] WHERE", "add a domain; --alias-of: another name of one; --catch-all: who gets mail for addresses that nobody has (none: it is refused)", domainSet},
		{"domain remove", "NAME WHERE", "end a domain that nobody has an address in", domainRemove},
	}
}
