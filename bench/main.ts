// npm run bench [-- --rounds N] [case…]: runs the cases whose names hold one of the words (all without any).

import { cases } from './cases/index.ts'
import { ENGINE_NAMES } from './engines/engine.ts'
import { loadEngine } from './engines/index.ts'
import { type CaseResult, measure, writeResults } from './harness.ts'

const DEFAULT_ROUNDS = 2

const words = process.argv.slice(2)
const at = words.indexOf('--rounds')
const rounds = at === -1 ? DEFAULT_ROUNDS : Number(words.splice(at, 2)[1])
const chosen = cases.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word))
)

const versions: Record<string, string> = {}
for (const name of ENGINE_NAMES) versions[name] = (await loadEngine(name)).version
console.log(
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
)

const results: CaseResult[] = []
for (const benchCase of chosen) {
  const result = measure(benchCase, rounds)
  results.push(result)
  print(result)
}
console.log(`written to ${writeResults(results, versions)}`)

function print({ name, unit, target, rows, ratio }: CaseResult): void {
  const aim = target === null ? '' : ` (aim ${target})`
  console.log(`\n${name}: ratio ${ratio.toFixed(2)}${aim}`)
  for (const { variant, median, runs } of rows) {
    const all = runs.map((run) => format(run)).join(', ')
    console.log(`  ${variant.padEnd(20)} ${format(median).padStart(12)} ${unit}   [${all}]`)
  }
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
