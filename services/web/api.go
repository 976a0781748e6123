package web

import (
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// api is all of it.
func (s *Server) api() []area {
	return slices.Concat(s.ownAreas(), s.peopleAreas(), s.mailAreas(), s.boxAreas())
}

// ownAreas are what everybody may, about themselves.
func (s *Server) ownAreas() []area {
	o := &s.opt
	return []area{
		{"setup", true, []call{
			{"GET /api/status", forAnybody, "What the pages show of the box before anybody is signed in.", nil, status{}, s.status},
			{"POST /api/setup", forCoded, "Sets the box up: all of it or nothing.", media("application/json"), connectAnswer{}, s.postSetup},
			{"POST /api/setup/check", forCoded, "Says whether the code is right, without using it up.", nil, nil, s.checkCode},
			{"POST /api/setup/findings", forCoded, "What the box finds out about its way to the Internet.", postFindingsBody{}, findingsJSON{}, s.postFindings},
			{"GET /api/openapi.json", forAnybody, "This description.", nil, media("application/json"), s.getOpenAPI},
			{"GET /api/connect", forAnybody, "What a mail program has to be told.", nil, connectAnswer{}, s.connect},
			{"GET /api/connect/qr.svg", forAnybody, "The link to that for a telephone's camera.", nil, media("image/svg+xml"), s.connectQR},
		}},
		{"setup", o.Encryption != nil, []call{
			{"GET /api/setup/encryption", forCoded, "How the disk is encrypted.", nil, EncryptionState{}, s.getSetupEncryption},
			{"POST /api/setup/encryption/phrase", forCoded, "A new recovery phrase, good once it was typed back.", nil, phraseJSON{}, s.postSetupPhrase},
			{"PUT /api/setup/encryption/phrase", forCoded, "Types it back. A disk that isn't encrypted yet is, with the next start, which is now.", phraseJSON{}, nil, s.putSetupPhrase},
			{"DELETE /api/setup/encryption", forCoded, "Has the box start again with a disk that is not encrypted.", nil, nil, s.deleteSetupEncryption},
		}},
		{"account", true, []call{
			{"GET /api/session", forSignedIn, "Who is signed in.", nil, self{}, s.getSession},
			{"POST /api/session", forAnybody, "Signs in.", postSessionBody{}, self{}, s.postSession},
			{"DELETE /api/session", forAnybody, "Signs out, whoever it was.", nil, nil, s.deleteSession},
			{"POST /api/session/confirm", forSignedIn, "Shows once more who sits there, for what a browser left open isn't enough for.", postConfirmBody{}, nil, s.postConfirm},
			{"PUT /api/me/password", forSignedIn, "Sets one's own password.", putOwnPasswordBody{}, nil, s.putOwnPassword},
			{"GET /api/me/sessions", forSignedIn, "Where one is signed in, the one used last first.", nil, getSessionsAnswer{}, s.getSessions},
			{"DELETE /api/me/sessions", forSignedIn, "Signs all other browsers out.", nil, nil, s.deleteSessions},
			{"DELETE /api/me/sessions/{id}", forSignedIn, "Signs one browser out.", nil, nil, s.deleteOwnSession},
			{"GET /api/events?topics", forSignedIn, "A stream of server-sent events that say what has changed: queue, held, trace, health, collect, moves, jobs, update, log.", nil, media("text/event-stream"), s.getEvents},
			{"GET /api/me/search?q&mailbox&limit", forSignedIn, "Searches one's own mail.", nil, found{}, s.getSearch},
			{"POST /api/password-link", forAnybody, "Chooses a password by a link that an administrator has made. It is used up then.", postByLinkBody{}, nil, s.postByLink},
		}},
		{"account", o.WayBack != nil, []call{
			{"POST /api/password-reset", forAnybody, "Gives an administrator a new password, with the code that F9 has the box's screen show.", postPasswordResetBody{}, nil, s.postPasswordReset},
		}},
		{"account", o.SecondFactors != nil, []call{
			{"GET /api/me/second-factor", forSignedIn, "Whether there is one, and how many recovery codes are left.", nil, getSecondFactorAnswer{}, s.getSecondFactor},
			{"POST /api/me/second-factor", forSignedIn, "A new secret for an app. Nothing is changed yet.", nil, postSecondFactorAnswer{}, s.postSecondFactor},
			{"PUT /api/me/second-factor", forSignedIn, "Turns it on. The recovery codes are shown this once.", putSecondFactorBody{}, putSecondFactorAnswer{}, s.putSecondFactor},
			{"DELETE /api/me/second-factor", forSignedIn, "Turns it off.", deleteOwnSecondFactorBody{}, nil, s.deleteOwnSecondFactor},
		}},
		{"account", o.AppPasswords != nil, []call{
			{"GET /api/me/app-passwords", forSignedIn, "One's passwords for single mail programs.", nil, getOwnAppPasswordsAnswer{}, s.getOwnAppPasswords},
			{"POST /api/me/app-passwords", forSignedIn, "Makes one, which is shown this once.", postAppPasswordBody{}, postAppPasswordAnswer{}, s.postAppPassword},
			{"PUT /api/me/app-passwords", forSignedIn, "Says whether mail programs need one.", putOnlyProgramsBody{}, nil, s.putOnlyPrograms},
			{"DELETE /api/me/app-passwords/{number}", forSignedIn, "Ends one at once.", nil, nil, s.deleteAppPassword},
		}},
		{"account", o.Passkeys != nil, []call{
			{"POST /api/session/passkey/challenge", forAnybody, "What a device signs to sign somebody in.", nil, postPasskeyChallengeAnswer{}, s.postPasskeyChallenge},
			{"POST /api/session/passkey", forAnybody, "Signs in with a passkey.", postPasskeySessionBody{}, self{}, s.postPasskeySession},
			{"GET /api/me/passkeys", forSignedIn, "One's passkeys.", nil, getOwnPasskeysAnswer{}, s.getOwnPasskeys},
			{"POST /api/me/passkeys/challenge", forSignedIn, "What a device needs to make one.", postNewPasskeyBody{}, postNewPasskeyAnswer{}, s.postNewPasskey},
			{"POST /api/me/passkeys", forSignedIn, "Keeps one that a device has made.", postPasskeyBody{}, postPasskeyAnswer{}, s.postPasskey},
			{"DELETE /api/me/passkeys/{id}", forSignedIn, "Ends one at once.", nil, nil, s.deleteOwnPasskey},
		}},
		{"account", o.Archives != nil, []call{
			{"GET /api/me/mail?format", forSignedIn | sure, "All one's own mail, as a tar or zip archive.", nil, media("application/octet-stream"), s.getMail},
			{"POST /api/me/mail?into&name", forSignedIn, "Adds the mail of an mbox or a tar to one's own.", media("application/octet-stream"), summaryJSON{}, s.postMail},
		}},
		{"account", o.Devices != nil, []call{
			{"GET /api/me/devices", forSignedIn, "With what one has logged in.", nil, devicesAnswer{}, s.getOwnDevices},
		}},
		{"account", o.POP3 != nil, []call{
			{"GET /api/me/pop3", forSignedIn, "For how many days POP3 keeps one's own mail, and how long a program waits between two log-ins.", nil, ownPOP3JSON{}, s.getOwnPOP3},
			{"PUT /api/me/pop3", forSignedIn, "Says for how many days. The wait is the administrator's.", putOwnPOP3Body{}, nil, s.putOwnPOP3},
		}},
		{"account", o.APOP != nil, []call{
			{"GET /api/me/apop", forSignedIn, "Whether one can log in by APOP.", nil, getOwnAPOPAnswer{}, s.getOwnAPOP},
			{"POST /api/me/apop", forSignedIn | sure, "Another secret for it, shown this once, for whom it was allowed.", nil, postAPOPAnswer{}, s.postOwnAPOP},
			{"DELETE /api/me/apop", forSignedIn, "Ends it.", nil, nil, s.deleteOwnAPOP},
		}},
		{"account", o.LogInCerts != nil, []call{
			{"GET /api/me/certificates", forSignedIn, "The certificates by which one's own programs log in.", nil, getOwnCertificatesAnswer{}, s.getOwnCertificates},
			{"PUT /api/me/certificates", forSignedIn | sure, "Lets one log in, where programs are asked for certificates.", ownCertificateJSON{}, nil, s.putOwnCertificate},
			{"DELETE /api/me/certificates/{sha256}", forSignedIn, "Ends that.", nil, nil, s.deleteOwnCertificate},
		}},
		{"account", o.Undo != nil, []call{
			{"GET /api/me/undo/messages?mailbox&since&before&words&moved&back&limit&after", forSignedIn, "What can be put back of one's own mail, newest first.", nil, getExpungedAnswer{}, s.ownUndo(s.getExpunged)},
			{"POST /api/me/undo/messages", forSignedIn, "Puts messages back.", postExpungedBody{}, postExpungedAnswer{}, s.ownUndo(s.postExpunged)},
			{"GET /api/me/undo/mailboxes", forSignedIn, "The folders there are, and those that can be put back.", nil, getDeletedMailboxesAnswer{}, s.ownUndo(s.getDeletedMailboxes)},
			{"POST /api/me/undo/mailboxes/{id}", forSignedIn, "Puts a folder back, with what was deleted below it.", nil, postDeletedMailboxAnswer{}, s.ownUndo(s.postDeletedMailbox)},
			{"POST /api/me/undo/as-of", forSignedIn, "Begins to put a folder, or all, back as it was at a time.", postAsOfBody{}, jobState{}, s.ownUndo(s.postAsOf)},
			{"GET /api/jobs/{id}", forSignedIn, "How far work is that takes long.", nil, jobState{}, s.getJob},
			{"DELETE /api/jobs/{id}", forSignedIn, "Stops it. What it has done stays.", nil, nil, s.deleteJob},
		}},
		{"account", o.Shares != nil, []call{
			{"GET /api/shares?owner", forSignedIn, "What one has opened to others, and they to one. For administrators: somebody's, or with * all.", nil, getSharesAnswer{}, s.getShares},
			{"PUT /api/shares", forSignedIn, "Gives somebody rights in a folder.", shareJSON{}, nil, s.putShare},
			{"DELETE /api/shares?owner&mailbox&who", forSignedIn, "Ends them.", nil, nil, s.deleteShare},
		}},
	}
}

// peopleAreas are the people, their addresses, and the office's domains.
func (s *Server) peopleAreas() []area {
	o := &s.opt
	return []area{
		{"people", true, []call{
			{"GET /api/accounts", forPeople, "The office's people.", nil, getAccountsAnswer{}, s.getAccounts},
			{"POST /api/accounts", forPeople, "Adds somebody.", postAccountBody{}, person{}, s.postAccount},
			{"GET /api/people.csv", forPeople, "The people as a table.", nil, media("text/csv"), s.getPeopleCSV},
			{"PATCH /api/accounts/{address}", forPeople, "Changes what it has. Zero means no bound.", patchAccountBody{}, person{}, s.patchAccount},
			{"DELETE /api/accounts/{address}", forPeople | sure, "Removes somebody. Their mail can be brought back for a time.", nil, nil, s.deleteAccount},
			{"PUT /api/accounts/{address}/role", forOwners | sure, "Says what somebody may do beside using their own mailbox.", putRoleBody{}, nil, s.putRole},
			{"PUT /api/accounts/{address}/password", forPeople | sure, "Sets a password.", putPasswordBody{}, nil, s.putPassword},
			{"POST /api/accounts/{address}/password-link", forPeople | sure, "A link by which somebody chooses a password that nobody else knows.", nil, postPasswordLinkAnswer{}, s.postPasswordLink},
			{"GET /api/accounts/{address}/limits", forPeople, "How much somebody may send, and has sent.", nil, limitsJSON{}, s.getLimits},
			{"PATCH /api/accounts/{address}/limits", forPeople, "Changes what it has.", patchLimitsBody{}, limitsJSON{}, s.patchLimits},
		}},
		{"people", o.SecondFactors != nil, []call{
			{"DELETE /api/accounts/{address}/second-factor", forPeople | sure, "Turns it off for who has lost phone and recovery codes.", nil, nil, s.deleteSecondFactor},
		}},
		{"people", o.AppPasswords != nil, []call{
			{"GET /api/accounts/{address}/app-passwords", forPeople, "How many somebody has.", nil, getAppPasswordsAnswer{}, s.getAppPasswords},
			{"DELETE /api/accounts/{address}/app-passwords", forPeople | sure, "Ends them all.", nil, nil, s.deleteAppPasswords},
		}},
		{"people", o.Passkeys != nil, []call{
			{"GET /api/accounts/{address}/passkeys", forPeople, "How many somebody has.", nil, getPasskeysAnswer{}, s.getPasskeys},
			{"DELETE /api/accounts/{address}/passkeys", forPeople | sure, "Ends them all, and sessions that came by one.", nil, nil, s.deletePasskeys},
		}},
		{"people", o.Devices != nil, []call{
			{"GET /api/accounts/{address}/devices", forPeople, "With what somebody has logged in.", nil, devicesAnswer{}, s.getDevices},
		}},
		{"people", o.Addresses != nil, []call{
			{"GET /api/accounts/{address}/rules", forPeople, "Where somebody's mail goes beside their mailbox, and as whom they send.", nil, rulesJSON{}, s.getRules},
			{"PATCH /api/accounts/{address}/rules", forPeople, "Changes what it has.", patchRulesBody{}, rulesJSON{}, s.patchRules},
			{"GET /api/aliases", forPeople, "Aliases and shared addresses.", nil, aliasesAnswer{}, s.getAliases},
			{"PUT /api/aliases/{address}", forPeople, "Makes one, or makes it what is given.", putListingBody{}, addressJSON{}, s.putAlias},
			{"DELETE /api/aliases/{address}", forPeople, "Removes one.", nil, nil, s.deleteAlias},
			{"GET /api/groups", forPeople, "Groups.", nil, groupsAnswer{}, s.getGroups},
			{"PUT /api/groups/{address}", forPeople, "Makes one, or makes it what is given.", putListingBody{}, addressJSON{}, s.putGroup},
			{"DELETE /api/groups/{address}", forPeople, "Removes one.", nil, nil, s.deleteGroup},
			{"GET /api/domains", forPeople, "The office's domains.", nil, getDomainsAnswer{}, s.getDomains},
			{"PUT /api/domains/{name}", forAdmins, "Adds one, or makes its settings those given.", putDomainBody{}, nil, s.putDomain},
			{"DELETE /api/domains/{name}", forAdmins, "Removes one that nobody has an address in.", nil, nil, s.deleteDomain},
		}},
		{"people", o.Undo != nil, []call{
			{"GET /api/removed-accounts", forAdmins, "Who can be brought back.", nil, getRemovedAccountsAnswer{}, s.getRemovedAccounts},
			{"POST /api/removed-accounts/{id}", forAdmins, "Brings somebody back.", postRemovedAccountBody{}, person{}, s.postRemovedAccount},
			{"GET /api/accounts/{address}/undo/messages?mailbox&since&before&words&moved&back&limit&after", forAdmins, "What can be put back of somebody's mail, newest first.", nil, getExpungedAnswer{}, s.anyUndo(s.getExpunged)},
			{"POST /api/accounts/{address}/undo/messages", forPeople, "Puts messages back.", postExpungedBody{}, postExpungedAnswer{}, s.anyUndo(s.postExpunged)},
			{"GET /api/accounts/{address}/undo/mailboxes", forAdmins, "The folders there are, and those that can be put back.", nil, getDeletedMailboxesAnswer{}, s.anyUndo(s.getDeletedMailboxes)},
			{"POST /api/accounts/{address}/undo/mailboxes/{id}", forAdmins, "Puts a folder back, with what was deleted below it.", nil, postDeletedMailboxAnswer{}, s.anyUndo(s.postDeletedMailbox)},
			{"POST /api/accounts/{address}/undo/as-of", forAdmins, "Begins to put a folder, or all, back as it was at a time.", postAsOfBody{}, jobState{}, s.anyUndo(s.postAsOf)},
		}},
		{"people", o.Access != nil, []call{
			{"GET /api/access", forAdmins, "Who can log in from where only.", nil, getAccessAnswer{}, s.getAccess},
			{"PUT /api/access", forAdmins, "Says it for somebody.", accessJSON{}, nil, s.putAccess},
		}},
		{"people", o.POP3 != nil, []call{
			{"GET /api/pop3", forAdmins, "For whom POP3 keeps mail for some days, or waits between two log-ins.", nil, getPOP3Answer{}, s.getPOP3},
			{"PUT /api/pop3", forAdmins, "Says it for somebody.", pop3JSON{}, nil, s.putPOP3},
		}},
		{"people", o.APOP != nil, []call{
			{"GET /api/apop", forAdmins, "Who can log in by APOP.", nil, getAPOPAnswer{}, s.getAPOP},
			{"POST /api/apop", forAdmins | sure, "Gives somebody a secret for it, shown this once.", postAPOPBody{}, postAPOPAnswer{}, s.postAPOP},
			{"DELETE /api/apop/{address}", forAdmins, "Ends it.", nil, nil, s.deleteAPOP},
		}},
		{"people", o.LogInCerts != nil, []call{
			{"GET /api/certificates", forAdmins, "The certificates by which programs log in.", nil, getCertificatesAnswer{}, s.getCertificates},
			{"PUT /api/certificates", forAdmins | sure, "Lets one log in.", certificateJSON{}, nil, s.putCertificate},
			{"DELETE /api/certificates/{sha256}", forAdmins, "Ends that.", nil, nil, s.deleteCertificate},
		}},
		{"people", o.Sizes != nil, []call{
			{"GET /api/sizes", forAdmins, "The largest message of whom there is a bound for.", nil, getSizesAnswer{}, s.getSizes},
			{"PUT /api/sizes", forAdmins, "Sets a bound.", sizeJSON{}, nil, s.putSize},
		}},
		{"people", true, []call{
			{"GET /api/accounts/{address}/mail?format", forAdmins | sure, "All mail of somebody, as a tar or zip archive.", nil, media("application/octet-stream"), s.getMail},
			{"POST /api/accounts/{address}/mail?into&name", forAdmins, "Adds the mail of an mbox or a tar.", media("application/octet-stream"), summaryJSON{}, s.postMail},
			{"GET /api/accounts/{address}/verdicts/{mailbox}/{uid}", forHelpers, "What was found out about a message, in words.", nil, getVerdictsAnswer{}, s.getVerdicts},
			{"GET /api/moves", forAdmins, "The mailboxes that have been moved in since the start.", nil, movesAnswer{}, s.getMoves},
			{"POST /api/accounts/{address}/move", forAdmins, "Begins to copy a mailbox at a provider into somebody's, or goes on.", postMoveBody{}, movesAnswer{}, s.postMove},
			{"DELETE /api/accounts/{address}/move", forAdmins, "Ends that. What has come stays.", nil, nil, s.deleteMove},
		}},
	}
}

// mailAreas are how mail comes, waits and goes, and what became of it.
func (s *Server) mailAreas() []area {
	o := &s.opt
	return []area{
		{"trace", o.Trace != nil, []call{
			{"GET /api/trace?q&from&until&after&limit", forTracers, "Finds messages by people, addresses, subject, time or ID. A domain administrator finds those from or to their domains.", nil, findTracedAnswer{}, s.findTraced},
			{"GET /api/trace/{id}", forTracers, "All that happened to one.", nil, tracedJSON{}, s.getTraced},
		}},
		{"mail", o.Queue != nil, []call{
			{"GET /api/queue?held&hop&address&after&limit", forHelpers, "What waits to be sent.", nil, getQueueAnswer{}, s.getQueue},
			{"POST /api/queue/retry", forAdmins, "Tries at once what waits for a server.", postRetryAllBody{}, nil, s.postRetryAll},
			{"GET /api/queue/stats", forHelpers, "How much waits, by server.", nil, mail.WaitingStats{}, s.getQueueStats},
			{"GET /api/queue/{id}", forHelpers, "One, with all attempts.", nil, mail.Waiting{}, s.getWaiting},
			{"DELETE /api/queue/{id}", forAdmins, "Takes it out. Nobody is told.", nil, nil, s.alterWaiting("dropped", Queue.Drop)},
			{"GET /api/queue/{id}/message", forAdmins, "The message as it goes out.", nil, media("message/rfc822"), s.getWaitingMessage},
			{"POST /api/queue/{id}/hold", forAdmins, "Holds it back.", nil, nil, s.alterWaiting("held", Queue.Hold)},
			{"POST /api/queue/{id}/release", forAdmins, "Lets it go.", nil, nil, s.alterWaiting("released", Queue.Release)},
			{"POST /api/queue/{id}/retry", forTracers, "Tries it at once.", nil, nil, s.alterWaiting("retried", Queue.Retry)},
			{"POST /api/queue/{id}/redirect", forAdmins, "Sends what is for one address to another.", postRedirectBody{}, nil, s.postRedirect},
		}},
		{"mail", o.Decisions != nil, []call{
			{"GET /api/held?after", forAdmins, "What a rule on contents holds for a decision.", nil, getHeldAnswer{}, s.getHeld},
			{"GET /api/held/{id}/message", forAdmins, "The message as it came.", nil, media("message/rfc822"), s.getHeldMessage},
			{"POST /api/held/{id}/release", forAdmins, "Lets it go on its way.", nil, nil, s.decide("released", Decisions.Release)},
			{"DELETE /api/held/{id}", forAdmins, "Takes it out.", nil, nil, s.decide("dropped", Decisions.Drop)},
		}},
		{"mail", o.Content != nil, []call{
			{"GET /api/domains/{name}/content", forAdmins, "The rules on what is in a domain's mail.", nil, getContentAnswer{}, s.getContent},
			{"PUT /api/domains/{name}/content", forAdmins, "Puts others in their place.", putContentBody{}, nil, s.putContent},
			{"POST /api/domains/{name}/content/try", forAdmins, "Looks which mail of the last days they would have met, line by line.", postContentTryBody{}, media("application/x-ndjson"), s.postContentTry},
		}},
		{"mail", o.Routes != nil, []call{
			{"GET /api/routes", forAdmins, "Which way mail goes, and when.", nil, getRoutesAnswer{}, s.getRoutes},
			{"PUT /api/routes/{domain}", forAdmins, "Says it for a domain; * is all mail that has no other way.", routeJSON{}, nil, s.putRoute},
			{"DELETE /api/routes/{domain}", forAdmins, "Ends that. What waits goes as all other mail.", nil, nil, s.deleteRoute},
			{"POST /api/routes/test", forAdmins, "Tries a way without sending anything.", routeJSON{}, postRouteTestAnswer{}, s.postRouteTest},
			{"PUT /api/send-window", forAdmins, "When mail leaves. None: at any time.", putWindowBody{}, nil, s.putWindow},
		}},
		{"mail", true, []call{
			{"GET /api/limits", forAdmins, "How much everybody may send who has no bound of their own.", nil, limitsJSON{}, s.getLimits},
			{"PATCH /api/limits", forAdmins, "Changes what it has.", patchLimitsBody{}, limitsJSON{}, s.patchLimits},
			{"GET /api/collect", forAdmins, "The mailboxes at providers that mail is collected from.", nil, sourcesAnswer{}, s.getCollect},
			{"POST /api/collect", forAdmins, "Collects now, from those of a user or from all.", postCollectBody{}, sourcesAnswer{}, s.postCollect},
			{"POST /api/collect/sources", forAdmins, "Adds one.", media("application/json"), sourcesAnswer{}, s.postSource},
			{"PUT /api/collect/sources/{id}", forAdmins, "Other settings for the same mailbox.", media("application/json"), sourcesAnswer{}, s.putSource},
			{"DELETE /api/collect/sources/{id}", forAdmins, "Ends collecting from it.", nil, nil, s.deleteSource},
			{"POST /api/collect/try", forAdmins, "Tries settings, and keeps nothing.", media("application/json"), postTryAnswer{}, s.postTry},
			{"GET /api/search/rebuild", forAdmins, "How far the search indexes are that were asked for last.", nil, rebuildsAnswer{}, s.getSearchRebuild},
			{"POST /api/search/rebuild", forAdmins, "Makes search indexes anew in the background.", postSearchRebuildBody{}, rebuildsAnswer{}, s.postSearchRebuild},
		}},
		{"mail", o.Spares != nil, []call{
			{"GET /api/spares", forAdmins, "The domains for which this box is a spare server, and the office's own spare servers.", nil, getSparesAnswer{}, s.getSpares},
			{"PUT /api/spares/{domain}", forAdmins, "Makes it one.", putSpareBody{}, nil, s.putSpare},
			{"DELETE /api/spares/{domain}", forAdmins, "Ends that. What has been taken stays on its way.", nil, nil, s.deleteSpare},
			{"PUT /api/spare-servers", forAdmins, "Which servers are the office's own spare ones.", putSpareServersBody{}, nil, s.putSpareServers},
		}},
		{"mail", o.BlockLists != nil, []call{
			{"GET /api/blocklists", forAdmins, "Which lists of bad senders are asked.", nil, getBlockListsAnswer{}, s.getBlockLists},
			{"PUT /api/blocklists", forAdmins, "Puts others in their place.", putBlockListsBody{}, nil, s.putBlockLists},
			{"POST /api/blocklists/test", forAdmins, "Tries whether a list answers.", testBlockListBody{}, testBlockListAnswer{}, s.testBlockList},
			{"GET /api/reports", forAdmins, "Which daily reports domains get.", nil, getReportsAnswer{}, s.getReports},
			{"PUT /api/reports", forAdmins, "Says it for a domain, or for all that have no setting of their own.", reportingJSON{}, nil, s.putReports},
			{"POST /api/reports/read", forAdmins, "Counts what a report that another server sent says: of DMARC about mail in a domain's name, by server; of TLS about its way to the domain, by what failed. Nothing is kept.", media("application/octet-stream"), aboutUsJSON{}, s.postAboutUs},
		}},
		{"mail", o.Sizes != nil, []call{
			{"GET /api/received", forAdmins, "What the Received fields of the office's own mail say.", nil, receivedJSON{}, s.getReceived},
			{"PUT /api/received", forAdmins, "Says it.", receivedJSON{}, nil, s.putReceived},
		}},
		{"mail", o.DNS != nil, []call{
			{"GET /api/dns?look", forAdmins, "What to publish in DNS, and with look=yes how it stands.", nil, getDNSAnswer{}, s.getDNS},
			{"GET /api/dns/zone", forAdmins, "The same as a fragment of a zone file.", nil, media("text/plain"), s.getZone},
			{"POST /api/dns/keys/{domain}", forAdmins, "Makes a domain's next keys, or takes them up.", postKeysBody{}, nil, s.postKeys},
			{"GET /api/signing", forAdmins, "Who signs each domain's mail.", nil, getSigningAnswer{}, s.getSigning},
			{"PUT /api/signing/{domain}", forAdmins, "Says it.", putSigningBody{}, nil, s.putSigning},
		}},
	}
}

// boxAreas are the machine, its network and its software, and who looks after it.
func (s *Server) boxAreas() []area {
	o := &s.opt
	return []area{
		{"health", true, []call{
			{"GET /api/health", forHelpers, "How the box is, and what to do about it.", nil, health{}, s.getHealth},
		}},
		{"health", o.Tally != nil, []call{
			{"GET /api/tally?days", forHelpers, "How much mail came and went on each day.", nil, getTallyAnswer{}, s.getTally},
		}},
		{"health", o.Monitor != nil, []call{
			{"GET /metrics", forAnybody, "Figures for Prometheus, for the token of POST /api/monitor/metrics.", nil, media("text/plain"), s.getMetrics},
		}},
		{"box", true, []call{
			{"GET /api/tokens", forAdmins, "Everybody's tokens.", nil, getTokensAnswer{}, s.getTokens},
			{"POST /api/tokens", forAdmins | sure, "Makes one, which is shown this once.", postTokenBody{}, postTokenAnswer{}, s.postToken},
			{"DELETE /api/tokens/{id}", forAdmins, "Ends one at once.", nil, nil, s.deleteToken},
		}},
		{"box", o.Audit != nil, []call{
			{"GET /api/audit?q&before&limit", forAdmins, "Who changed what, the newest first.", nil, getAuditAnswer{}, s.getAudit},
		}},
		{"box", o.Log != nil, []call{
			{"GET /api/log?q&unit&level&message&from&until&before&after", forAdmins, "The box's log.", nil, logPage{}, s.getLog},
		}},
		{"box", o.Encryption != nil, []call{
			{"GET /api/encryption", forAdmins, "How the disk is encrypted.", nil, EncryptionState{}, s.getEncryption},
			{"POST /api/encryption/phrase", forOwners, "A new recovery phrase, good once it was typed back.", postPhraseBody{}, phraseJSON{}, s.postPhrase},
			{"PUT /api/encryption/phrase", forOwners, "Types it back. The one from before opens nothing any more.", phraseJSON{}, nil, s.putPhrase},
		}},
		{"box", o.Admissions != nil, []call{
			{"GET /api/admission", forAdmins, "Who may connect to what.", nil, admissionJSON{}, s.getAdmission},
			{"PUT /api/admission", forAdmins | sure, "Says it anew.", admissionJSON{}, nil, s.putAdmission},
		}},
		{"box", o.Networking != nil, []call{
			{"GET /api/network", forAdmins, "How the box's network is set.", nil, getNetworkAnswer{}, s.getNetwork},
			{"PUT /api/network", forAdmins, "Tries other settings. Those of before come back unless they are kept.", putNetworkBody{}, putNetworkAnswer{}, s.putNetwork},
			{"POST /api/network/keep", forAdmins, "Keeps them.", nil, nil, s.keepNetwork},
		}},
		{"box", o.BoxCertificate != nil, []call{
			{"GET /api/box-certificate", forAdmins, "The certificate that the box shows.", nil, getBoxCertificateAnswer{}, s.getBoxCertificate},
			{"PUT /api/box-certificate", forAdmins, "Has it show another one.", putBoxCertificateBody{}, nil, s.putBoxCertificate},
			{"DELETE /api/box-certificate", forAdmins, "Has it show its own.", nil, nil, s.deleteBoxCertificate},
			{"PUT /api/box-certificate/issuance", forAdmins, "Has an authority issue one by ACME.", putIssuanceBody{}, nil, s.putIssuance},
			{"DELETE /api/box-certificate/issuance", forAdmins, "Ends that.", nil, nil, s.deleteIssuance},
			{"POST /api/box-certificate/issuance", forAdmins, "Tries now, if one is due.", nil, nil, s.postIssuance},
		}},
		{"box", o.Monitor != nil, []call{
			{"GET /api/monitor", forAdmins, "Who watches over the box.", nil, getMonitorAnswer{}, s.getMonitor},
			{"PUT /api/monitor/syslog", forAdmins, "Sends the log to a server.", syslog.Target{}, nil, s.putSyslog},
			{"DELETE /api/monitor/syslog", forAdmins, "Ends that.", nil, nil, s.deleteSyslog},
			{"PUT /api/monitor/letters", forAdmins, "Says whether administrators get letters about trouble.", putLettersBody{}, nil, s.putLetters},
			{"POST /api/monitor/metrics", forAdmins, "A token for GET /metrics, shown this once.", nil, postMetricsAnswer{}, s.postMetrics},
			{"DELETE /api/monitor/metrics", forAdmins, "Gives no figures any more.", nil, nil, s.deleteMetrics},
			{"GET /api/support", forAdmins, "What a support bundle would have in it.", nil, getSupportAnswer{}, s.getSupport},
			{"GET /api/support/bundle.zip", forAdmins, "A support bundle.", nil, media("application/zip"), s.getBundle},
		}},
		{"box", o.Computer != nil, []call{
			{"GET /api/update", forAdmins, "Which versions there are.", nil, Versions{}, s.getUpdate},
			{"POST /api/update", forAdmins, "Installs an update.", media("application/octet-stream"), nil, s.postUpdate},
			{"POST /api/update/previous", forAdmins, "Goes back to the previous version with the next start.", nil, postPreviousAnswer{}, s.postPrevious},
			{"POST /api/factory-reset", forOwners, "Erases everything with the next start, which is now.", postFactoryResetBody{}, nil, s.postFactoryReset},
			{"POST /api/restart", forAdmins, "Restarts the box.", nil, nil, s.postEnd("restart", Computer.Restart)},
			{"POST /api/power-off", forAdmins, "Turns it off.", nil, nil, s.postEnd("power off", Computer.PowerOff)},
		}},
		{"box", o.Disks != nil, []call{
			{"GET /api/disks", forAdmins, "The machine's disks, and how the one with the mail is.", nil, getDisksAnswer{}, s.getDisks},
		}},
		{"box", o.UpdateSource != nil, []call{
			{"GET /api/update/source", forAdmins, "Where the box looks for updates, and when.", nil, getUpdateSourceAnswer{}, s.getUpdateSource},
			{"PUT /api/update/source", forAdmins, "Says it.", putUpdateSourceBody{}, nil, s.putUpdateSource},
		}},
	}
}
