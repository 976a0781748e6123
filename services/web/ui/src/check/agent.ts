// What a browser calls itself, in words that its owner knows.

/** In this order: most browsers name others too, those that they descend from. */
const browsers: [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'], [/\b(?:OPR|Opera)\//, 'Opera'], [/\bSamsungBrowser\//, 'Samsung Internet'], [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Headless)?(?:Chrome|Chromium|CriOS)\//, 'Chrome'], [/\bSafari\//, 'Safari'],
]
const systems: [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'], [/\biPad\b/, 'iPad'], [/\bAndroid\b/, 'Android'], [/\bWindows\b/, 'Windows'], [/\bCrOS\b/, 'ChromeOS'], [/\bMac OS X\b/, 'Mac'], [/\bLinux\b/, 'Linux'],
]

const first = (list: [RegExp, string][], agent: string) => list.find(([shape]) => shape.test(agent))?.[1]

/** The browser and what it runs on; "" for what isn't known. */
export function readAgent(agent: string): { browser: string; system: string } {
  return { browser: first(browsers, agent) ?? '', system: first(systems, agent) ?? '' }
}
