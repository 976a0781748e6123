import type { Way } from './state'

/** The house of the office with the box in it, and what stands outside. It says what the words
 * beside it say, so screen readers pass it by. */
export function WayDrawing({ way }: { way: Way }) {
  return (
    <svg class="way-drawing" viewBox="0 0 168 72" aria-hidden="true">
      <path class="d-line" d="M104 34l30-22 30 22v30h-60z" fill="none" />
      <rect class="d-box" x="122" y="38" width="24" height="22" rx="5" />
      <rect class="d-slot" x="127" y="44" width="14" height="4" rx="2" />
      {way === 'inside' ? (
        <>
          <Letter x={106} y={46} small />
          <Letter x={147} y={46} small />
        </>
      ) : (
        <path class="d-line" d="M92 49h22m-6-6l6 6-6 6" fill="none" />
      )}
      {way === 'direct' && (
        <>
          <path class="d-line" d="M14 49h40" fill="none" />
          <Letter x={58} y={38} />
        </>
      )}
      {way === 'provider' && (
        <>
          <rect class="d-paper" x="8" y="20" width="40" height="14" rx="3" />
          <rect class="d-paper" x="8" y="38" width="40" height="14" rx="3" />
          <circle class="d-control" cx="16" cy="27" r="2" />
          <circle class="d-control" cx="16" cy="45" r="2" />
          <path class="d-line" d="M52 49h4" fill="none" />
          <Letter x={58} y={38} />
        </>
      )}
    </svg>
  )
}

function Letter({ x, y, small }: { x: number; y: number; small?: boolean }) {
  return (
    <g transform={`translate(${x} ${y})${small ? ' scale(.5)' : ''}`}>
      <rect class="d-paper" width="30" height="20" rx="2" />
      <path class="d-line" d="M2 3l13 9 13-9" fill="none" />
    </g>
  )
}
