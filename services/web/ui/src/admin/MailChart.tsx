import { locale } from '../texts'
import { office, type TallyDay } from './api'
import { useLoad } from './load'
import { size } from './show'
import { count, t } from './texts'

const minute = 60_000
/** In the drawing's own units: a day's width, and the height above and below the line. */
const width = 12
const gap = 3
const half = 60

const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })
const number = new Intl.NumberFormat(locale)
const dayName = (day: string) => weekday.format(new Date(day + 'T12:00:00Z'))
const of = (d: TallyDay, kind: string) => d.counts[kind] ?? 0
const sum = (days: TallyDay[], kind: string) => days.reduce((n, d) => n + of(d, kind), 0)

/** Why others were turned away, the most frequent first. */
const reasons = ['unknown', 'policy', 'later', 'other'] as const

/** How much mail came and went, day by day: what came stands above the line, what went out hangs below it. */
export function MailChart() {
  const loaded = useLoad(() => office.tally(), [], 5 * minute)
  const days = loaded.data?.days
  if (!days || loaded.absent) return null
  const most = Math.max(1, ...days.flatMap((d) => [of(d, 'received'), of(d, 'sent')]))
  const height = (n: number) => (n === 0 ? 0 : Math.max(1.5, (n / most) * half))
  const came = sum(days, 'received')
  const went = sum(days, 'sent')
  const refused = reasons.map((r) => [r, sum(days, 'refused_' + r)] as const).filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a)
  const turned = refused.reduce((n, [, m]) => n + m, 0)
  return (
    <section class="chart" aria-labelledby="chart">
      <h2 id="chart" class="section">{t('chart.title')}</h2>
      <div class="panel">
        <ul class="legend">
          <li class="came"><strong>{number.format(came)}</strong> {t('chart.came')} <small>{size(sum(days, 'bytes_in'))}</small></li>
          <li class="went"><strong>{number.format(went)}</strong> {t('chart.went')} <small>{size(sum(days, 'bytes_out'))}</small></li>
          <li><strong>{number.format(sum(days, 'inside'))}</strong> {t('chart.inside')}</li>
          <li><strong>{number.format(sum(days, 'junk'))}</strong> {t('chart.junk')}</li>
        </ul>
        <svg viewBox={`0 0 ${days.length * width} ${2 * half + 1}`} preserveAspectRatio="none" role="img" aria-label={t('chart.says', { came, went })}>
          {days.map((d, i) => (
            <g key={d.day}>
              <title>{t('chart.day', { day: dayName(d.day), came: of(d, 'received'), went: of(d, 'sent'), refused: reasons.reduce((n, r) => n + of(d, 'refused_' + r), 0) })}</title>
              <rect class="ground" x={i * width} y={0} width={width} height={2 * half + 1} />
              <rect class="came" x={i * width + gap / 2} y={half - height(of(d, 'received'))} width={width - gap} height={height(of(d, 'received'))} />
              <rect class="went" x={i * width + gap / 2} y={half + 1} width={width - gap} height={height(of(d, 'sent'))} />
            </g>
          ))}
          <rect class="axis" x={0} y={half} width={days.length * width} height={1} />
        </svg>
        <p class="ends soft"><span>{dayName(days[0]!.day)}</span><span>{dayName(days.at(-1)!.day)}</span></p>
        {turned > 0 && (
          <p class="soft">
            {count('chart.refused', turned)} {refused.map(([r, n]) => t(r === 'other' ? 'chart.why.rest' : `chart.why.${r}`, { n: number.format(n) })).join(' · ')}
          </p>
        )}
      </div>
    </section>
  )
}
