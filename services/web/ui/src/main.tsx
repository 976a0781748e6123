import './style/tokens.css'
import './style/base.css'
import './style/pages.css'
import './style/print.css'
import { render, type ComponentChild } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Me } from './admin/Me'
import { me, whoAmI } from './admin/session'
import { SignIn } from './admin/SignIn'
import { api, problemOf, type Problem, type Status } from './api'
import { ConnectPage } from './connect/Connect'
import { Frame, officeItems } from './parts/Frame'
import { asked } from './parts/sure'
import { Icon, Mark, type IconName } from './parts/Icon'
import { Languages } from './parts/Languages'
import { Busy, Note, Title } from './parts/parts'
import { follow, go, path } from './router'
import { Setup } from './setup/Setup'
import { t } from './texts'

/** What stands under which address. */
function App() {
  const [status, setStatus] = useState<Status>()
  const [problem, setProblem] = useState<Problem>()
  const ask = () => {
    setProblem(undefined)
    api.status().then(setStatus, (e) => setProblem(problemOf(e)))
  }
  useEffect(ask, [])
  const isSetup = /^\/setup(\/|$)/.test(path.value)
  useEffect(() => {
    // Where the set-up has just ended, the office's pages need the new state.
    if (status && !status.set_up && !isSetup) ask()
  }, [isSetup])
  if (problem) {
    return (
      <main class="alone">
        <div class="brand"><Mark /><span>Sanduk</span></div>
        <Title lead={problem.whatToDo}>{problem.message}</Title>
        <div class="actions"><button type="button" class="primary" onClick={ask}>{t('again')}</button></div>
      </main>
    )
  }
  if (!status) return <main class="alone"><Busy label={t('loading')} /></main>
  if (isSetup) return <Setup status={status} />
  return <Office status={status} />
}

function Office({ status }: { status: Status }) {
  return (
    <>
      <Page status={status} />
      {asked.value && <Later load={() => import('./parts/Sure')} status={status} />}
    </>
  )
}

function Page({ status }: { status: Status }) {
  useEffect(() => void whoAmI(), [])
  const p = path.value
  const needsAdmin = p === '/admin' || p.startsWith('/admin/')
  if (p === '/') return <Home status={status} />
  if (p === '/connect' || p.startsWith('/connect/')) return <Frame><ConnectPage status={status} /></Frame>
  if (p === '/reset') return <Later load={() => import('./reset/Reset')} status={status} />
  if (p === '/mail' || p.startsWith('/mail/')) return <Alone title={t('mail.title')} lead={t('mail.lead')} />
  const traced = p === '/admin/trace' || p.startsWith('/admin/trace/')
  const ownDeleted = p === '/me/deleted' || p.startsWith('/me/deleted/')
  if (!needsAdmin && p !== '/me' && p !== '/me/mail' && p !== '/me/programs' && !ownDeleted) return <Alone title={t('lost.title')} lead={t('lost.lead')} />
  if (me.value === undefined) return <main class="alone"><Busy label={t('loading')} /></main>
  if (me.value === null) {
    return <SignIn status={status} title={needsAdmin ? t('signin.admin') : t('signin.title')} lead={needsAdmin ? t('signin.admin.lead') : t('signin.lead')} />
  }
  if (p === '/me') return <Frame><Me status={status} /></Frame>
  if (p === '/me/mail') return <Frame><Later key="mail" load={() => import('./admin/OwnMail')} status={status} /></Frame>
  if (p === '/me/programs') return <Frame><Later key="programs" load={() => import('./admin/OwnPrograms')} status={status} /></Frame>
  if (ownDeleted) return <Frame><Later key="deleted" load={() => import('./admin/OwnDeleted')} status={status} /></Frame>
  const items = officeItems()
  if (items.length === 0) {
    return (
      <Frame>
        <Title>{t('home.admin')}</Title>
        <Note kind="wait" title={t('admin.not')}>{t('admin.not.text')}</Note>
      </Frame>
    )
  }
  // Who may less than all begins with what there is for them.
  if (!items.some(([to]) => p === to || (to !== '/admin' && p.startsWith(to + '/')))) {
    go(items[0]![0])
    return null
  }
  return (
    <Frame>
      {traced ? <Later key="trace" load={() => import('./admin/Trace')} status={status} /> : <Later key="admin" load={() => import('./admin/Admin')} status={status} />}
    </Frame>
  )
}

type Part = (props: { status: Status }) => ComponentChild

/** A part of the pages that is fetched when somebody needs it. */
function Later({ load, status }: { load: () => Promise<{ default: Part }>; status: Status }) {
  const [part, setPart] = useState<{ Part: Part }>()
  const [failed, setFailed] = useState(false)
  useEffect(() => void load().then((m) => setPart({ Part: m.default }), () => setFailed(true)), [])
  if (failed) {
    return (
      <>
        <Title lead={t('net.unreachable.do')}>{t('net.unreachable')}</Title>
        <div class="actions"><button type="button" class="primary" onClick={() => location.reload()}>{t('again')}</button></div>
      </>
    )
  }
  return part ? <part.Part status={status} /> : <Busy label={t('loading')} />
}

/** A page with nothing but a word and the ways on. */
function Alone({ title, lead }: { title: string; lead: string }) {
  return (
    <main class="alone">
      <div class="brand"><Mark /><span>Sanduk</span></div>
      <Title lead={lead}>{title}</Title>
      <div class="actions">
        <a class="button primary" href="/connect">{t('home.connect')}</a>
        <a class="button quiet" href="/">{t('lost.home')}</a>
      </div>
    </main>
  )
}

/** The front page, for whoever types the box's address. */
function Home({ status }: { status: Status }) {
  const card = (to: string, icon: IconName, title: string, text: string) => (
    <a class="home-card" href={to}>
      <Icon name={icon} size={24} />
      <span>
        <strong>{title}</strong>
        <small>{text}</small>
      </span>
      <Icon name="next" />
    </a>
  )
  return (
    <main class="alone">
      <div class="brand"><Mark /><span>Sanduk</span></div>
      <Title lead={t('home.lead')}>{status.domains?.[0] ?? status.hostname ?? 'Sanduk'}</Title>
      <nav class="home" aria-label={t('frame.label')}>
        {card('/connect', 'laptop', t('home.connect'), t('home.connect.text'))}
        {card('/me', 'key', t('home.me'), t('home.me.text'))}
        {card('/admin', 'people', t('home.admin'), t('home.admin.text'))}
      </nav>
      <p class="soft">
        {t('home.version', { version: status.version })} · <a href="/licenses.txt">{t('home.licenses')}</a>
      </p>
      <Languages />
    </main>
  )
}

addEventListener('click', follow)
render(<App />, document.getElementById('app')!)
