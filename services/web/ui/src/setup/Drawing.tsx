import { t } from '../texts'

/** The box beside a screen that shows the code: where to look. All colours are
 * the page's own, so it is right in the dark too. */
export function Drawing() {
  return (
    <svg class="drawing" viewBox="0 0 576 216" role="img" aria-label={t('code.drawing')}>
      <path class="d-line" d="M24 188h528" />
      {/* The screen */}
      <path class="d-body" d="M158 156h64l6 32h-76z" />
      <rect class="d-screen" x="48" y="20" width="284" height="140" rx="10" />
      <text class="d-text" x="72" y="54">SANDUK</text>
      <text class="d-text" x="72" y="82">{t('code.figure')}</text>
      <rect class="d-mark" x="64" y="97" width="252" height="22" rx="4" />
      <text class="d-code" x="72" y="112">{t('code.figure.code')}</text>
      <text class="d-text" x="72" y="138">{t('code.figure.rest')}</text>
      {/* The cable */}
      <path class="d-line" d="M222 178c40 0 44-34 84-34h30c40 0 36 34 80 34" fill="none" />
      {/* A letter on its way in */}
      <g transform="translate(438 42) rotate(-6)">
        <rect class="d-paper" width="76" height="52" rx="4" />
        <path class="d-line" d="M2 4l36 26L74 4" fill="none" />
      </g>
      {/* The box */}
      <path class="d-box" d="M474 80c34 0 54 18 54 46v50a12 12 0 0 1-12 12h-84a12 12 0 0 1-12-12v-50c0-28 20-46 54-46z" />
      <rect class="d-slot" x="444" y="120" width="60" height="12" rx="6" />
      <circle class="d-light" cx="474" cy="164" r="4" />
    </svg>
  )
}
