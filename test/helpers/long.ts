// How much a seeded suite tries: little in `npm test`, all of it in the long run (`npm run test:long`); and what it
// tried, in one line, which scripts/test.mjs gathers at the end of a run. One seed again: LOGWOOD_SEED=17.
import type { Assertions } from 'brittle'

export const LONG: boolean = process.env['LOGWOOD_LONG'] === '1'

export function seedsFor(fast: number, long: number): number {
  return LONG ? long : fast
}

/** The seeds 1 to so many, or the one that LOGWOOD_SEED names. */
export function seedList(fast: number, long: number): number[] {
  const given = process.env['LOGWOOD_SEED']
  if (given !== undefined) return [Number(given)]
  return Array.from({ length: seedsFor(fast, long) }, (_, i) => i + 1)
}

/** Says what a suite tried, as `figures T-CRASH: states 12,345, seeds 3`. */
export function tellFigures(
  t: Assertions,
  suite: string,
  figures: Readonly<Record<string, number | string>>
): void {
  const list = Object.entries(figures).map(([name, value]) =>
    typeof value === 'number' ? `${name} ${value.toLocaleString('en')}` : `${name} ${value}`
  )
  t.comment(`figures ${suite}: ${list.join(', ')}`)
}
