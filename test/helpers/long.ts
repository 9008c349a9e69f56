// Whether this is the long run (`npm run test:long`): seeded suites take more seeds then.

export const LONG: boolean = process.env['LOGWOOD_LONG'] === '1'

export function seedsFor(fast: number, long: number): number {
  return LONG ? long : fast
}
