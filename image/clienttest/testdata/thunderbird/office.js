// What the tests do in Thunderbird, as functions of the object "office". They use what its windows use and wait for
// what happens, never for a time to pass. Whoever calls them bounds the time.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
const accounts = "resource:///modules/accountcreation/";
const { AccountConfig } = ChromeUtils.importESModule(accounts + "AccountConfig.sys.mjs");
const { FindConfig } = ChromeUtils.importESModule(accounts + "FindConfig.sys.mjs");
const { CreateInBackend } = ChromeUtils.importESModule(accounts + "CreateInBackend.sys.mjs");
const { ConfigVerifier } = ChromeUtils.importESModule(accounts + "ConfigVerifier.sys.mjs");
const { fetchConfigFromExchange } = ChromeUtils.importESModule(accounts + "ExchangeAutoDiscover.sys.mjs");

const office = (globalThis.office = {});
const msgWindow = () => Services.wm.getMostRecentWindow("mail:3pane").msgWindow;

// until waits for a condition that something outside brings about.
office.until = async done => {
  for (;;) {
    const value = await done();
    if (value) {
      return value;
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
};

// finished is a listener of any of the kinds that end with a status, and the promise of that end.
function finished(more = {}) {
  let listener;
  const end = new Promise((resolve, reject) => {
    const done = status => (Components.isSuccessCode(status) ? resolve() : reject(new Error("status 0x" + status.toString(16))));
    listener = {
      QueryInterface: ChromeUtils.generateQI([
        "nsIUrlListener", "nsIMsgCopyServiceListener", "nsIMsgSendListener", "nsIMsgSearchNotify", "nsIStreamListener", "nsIRequestObserver",
      ]),
      OnStartRunningUrl() {},
      OnStopRunningUrl: (url, status) => done(status),
      onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId: () => null,
      onStopCopy: status => done(status),
      onStartSending() {}, onSendProgress() {}, onStatus() {}, onGetDraftFolderURI() {}, onSendNotPerformed() {},
      onTransportSecurityError: (id, status) => done(status),
      onStopSending: (id, status) => done(status),
      onNewSearch() {}, onSearchHit() {},
      onSearchDone: status => done(status),
      onStartRequest() {}, onDataAvailable() {},
      onStopRequest: (request, status) => done(status),
      ...more,
    };
  });
  return [listener, end];
}

// trust takes the authority of the box for one of those that may vouch for servers.
office.trust = ca => {
  Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(ca, "C,,");
};

// find asks the domain for its settings and fills them in, as the window for new accounts does.
office.find = async (name, address, password) => {
  const search = FindConfig.parallelAutoDiscovery(address.split("@")[1], address, new AbortController().signal, password);
  const { value: config } = await search.next();
  if (!config || config.isRedirect) {
    throw new Error("no settings found: " + JSON.stringify(config));
  }
  AccountConfig.replaceVariables(config, name, address, password);
  config.rememberPassword = true;
  office.config = config;
  const show = s => `${s.type} ${s.hostname} ${s.port} ${s.socketType} ${s.username}`;
  return [config.source, show(config.incoming), show(config.outgoing)];
};

// add logs in with the settings that find found, and makes the account.
office.add = async () => {
  await new ConfigVerifier(null, new AbortController().signal).verifyConfig(office.config);
  office.account = await CreateInBackend.createAccountInBackend(office.config);
  office.root = office.account.incomingServer.rootFolder;
  office.inbox = await office.until(() => office.root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
};

// list fetches the folders and INBOX, as a click on the account's new name does.
office.list = async () => {
  const [listener, end] = finished();
  office.inbox.getNewMessages(msgWindow(), listener);
  await end;
  await office.until(() => office.root.descendants.some(f => f.name == "Sent"));
};

office.folder = path => office.until(() => office.root.descendants.find(f => f.name == path));

// update asks the server what is new in a folder, and does not wait for the answer.
office.update = folder => folder.updateFolder(msgWindow());

office.create = async name => {
  office.root.createSubfolder(name, null);
  await office.folder(name);
};

const headers = folder => [...folder.messages];

// has waits for the message of that subject.
office.has = (folder, subject) => office.until(() => headers(folder).find(h => h.mime2DecodedSubject == subject));

office.gone = (folder, subject) => office.until(() => !headers(folder).some(h => h.mime2DecodedSubject == subject));

// open shows a folder in the main window.
office.open = async folder => {
  const window = Services.wm.getMostRecentWindow("mail:3pane");
  const about = await office.until(() => window.document.getElementById("tabmail")?.currentAbout3Pane);
  await office.until(() => about.displayFolder && about.document.readyState == "complete");
  about.displayFolder(folder.URI);
  await office.until(() => about.gFolder == folder && about.gDBView);
  return about;
};

// read shows a message in the main window, with the mouse's part done by its own function, and returns the text that is
// to be seen.
office.read = async (folder, subject) => {
  const header = await office.has(folder, subject);
  const about = await office.open(folder);
  const index = await office.until(() => {
    const i = about.gDBView.findIndexOfMsgHdr(header, true);
    return i != 0xffffffff && { i };
  });
  about.threadTree.selectedIndex = index.i;
  const view = await office.until(() => about.messageBrowser?.contentWindow);
  const text = await office.until(() => {
    if (view.gMessage?.messageKey != header.messageKey) {
      return null;
    }
    return view.getMessagePaneBrowser()?.contentDocument?.body?.textContent.trim();
  });
  await office.until(() => header.isRead);
  return text;
};

office.flag = async (folder, subject) => {
  folder.markMessagesFlagged([await office.has(folder, subject)], true);
};

office.tag = async (folder, subject, keyword) => {
  folder.addKeywordsToMessages([await office.has(folder, subject)], keyword);
};

office.move = async (folder, subject, target) => {
  const [listener, end] = finished();
  MailServices.copy.copyMessages(folder, [await office.has(folder, subject)], target, true, listener, null, false);
  await end;
};

// erase is the key Del: into the folder for what is deleted.
office.erase = async (folder, subject) => {
  const [listener, end] = finished();
  folder.deleteMessages([await office.has(folder, subject)], null, false, false, listener, false);
  await end;
};

// state says of a message what a list of messages shows.
office.state = async (folder, subject) => {
  const h = await office.has(folder, subject);
  return { read: h.isRead, flagged: h.isFlagged };
};

// search has the server look for a text in the bodies of a folder.
office.search = async (folder, text) => {
  const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
  session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder);
  const term = session.createTerm();
  term.attrib = Ci.nsMsgSearchAttrib.Body;
  term.op = Ci.nsMsgSearchOp.Contains;
  const value = term.value;
  value.attrib = term.attrib;
  value.str = text;
  term.value = value;
  session.appendTerm(term);
  const found = [];
  const [listener, end] = finished({ onSearchHit: h => found.push(h.mime2DecodedSubject) });
  session.registerListener(listener);
  session.search(null);
  await end;
  return found.sort();
};

// send sends a text file as a message, which also goes into the folder of what was sent.
office.send = async (to, subject, text) => {
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  const identity = office.account.defaultIdentity;
  fields.from = identity.fullAddress;
  fields.to = to;
  fields.subject = subject;
  const file = Services.dirsvc.get("TmpD", Ci.nsIFile);
  file.append("sent.eml");
  file.createUnique(Ci.nsIFile.NORMAL_FILE_TYPE, 0o600);
  const head = `From: ${fields.from}\r\nTo: ${to}\r\nSubject: ${subject}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n`;
  await IOUtils.writeUTF8(file.path, head + text + "\r\n");
  const [listener, end] = finished();
  const sender = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
  sender.sendMessageFile(identity, office.account.key, fields, file, true, false, Ci.nsIMsgSend.nsMsgDeliverNow, null, listener, null, "");
  await end;
};

// keep fetches the whole of a folder for when there is no network.
office.keep = async folder => {
  folder.setFlag(Ci.nsMsgFolderFlags.Offline);
  await office.until(() => !folder.locked); // it may be at filing what has just come
  const [listener, end] = finished();
  folder.downloadAllForOffline(listener, null);
  await end;
  return headers(folder).every(h => folder.hasMsgOffline(h.messageKey));
};

// leave and come back to the network by the switch in the window's corner; what was done meanwhile is done on the server
// then.
office.leave = async () => {
  Services.wm.getMostRecentWindow("mail:3pane").MailOfflineMgr.toggleOfflineStatus();
  await office.until(() => Services.io.offline);
};

office.back = () => Services.wm.getMostRecentWindow("mail:3pane").MailOfflineMgr.toggleOfflineStatus();

// source is the whole of a message as it was kept.
office.source = async (folder, subject) => {
  const h = await office.has(folder, subject);
  const uri = folder.getUriForMsg(h);
  let text = "";
  const [listener, end] = finished({
    onDataAvailable(request, stream, offset, count) {
      const input = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
      input.setInputStream(stream);
      text += input.readBytes(count);
    },
  });
  MailServices.messageServiceFromURI(uri).streamMessage(uri, listener, null, null, false, "", true);
  await end;
  return text;
};

// collect makes an account that fetches by POP3, from the settings that the box offers beside those of IMAP, and leaves
// what it fetched on the box.
office.collect = async (name, address, password) => {
  await office.find(name, address, password);
  const config = office.config;
  const pop = config.incomingAlternatives.find(s => s.type == "pop3");
  Object.assign(pop, { username: address, password, leaveMessagesOnServer: true, deleteOnServerWhenLocalDelete: true, downloadOnBiff: false, loginAtStartup: false });
  config.incoming = pop;
  await new ConfigVerifier(null, new AbortController().signal).verifyConfig(config);
  office.pop = (await CreateInBackend.createAccountInBackend(config)).incomingServer;
  office.pop.doBiff = false;
  office.popped = await office.until(() => office.pop.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
  return `${pop.type} ${pop.hostname} ${pop.port} ${pop.socketType} ${pop.username}`;
};

// fetch gets by POP3 what is new, and does on the box what was done here since.
office.fetch = async () => {
  const [listener, end] = finished();
  office.popped.getNewMessages(msgWindow(), listener);
  await end;
};

// subjects are those of the messages in a folder.
office.subjects = folder => headers(folder).map(h => h.mime2DecodedSubject).sort();

// discover asks the domain as Outlook does, by Autodiscover, at the three places where it may be.
office.discover = async (address, password) => {
  const nobody = () => Promise.reject(new Error("asks whether another domain may be trusted"));
  const config = await fetchConfigFromExchange(address.split("@")[1], address, new AbortController().signal, null, password, nobody);
  return `${config.incoming.type} ${config.incoming.hostname} ${config.incoming.port} ${config.incoming.socketType}`;
};
