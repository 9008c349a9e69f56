// The harness: runs each case for all engines in turn (A B C C B A), each run in a fresh process, and prints
// medians and their ratio to the faster of the others. Results are also written as JSON, with machine and versions.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { ENGINE_NAMES, type EngineName } from './engines/engine.ts'

type Rate = 'blocks/s' | 'MB/s' | 'proofs/s' | 'appends/s' | 'gets/s'
type Cost = 'ms' | 'µs/log' | 'bytes/log'

const COSTS: ReadonlySet<Rate | Cost> = new Set<Cost>(['ms', 'µs/log', 'bytes/log'])

/** One question, answered by one number per run. */
export interface BenchCase {
  readonly name: string
  /** What the number counts. Rates: more is better; durations and costs per log: less is better. */
  readonly unit: Rate | Cost
  /** Aimed-at ratio to the faster of the others; null where none is set. */
  readonly target: number | null
  /** Engines and levels of durability that are measured. */
  readonly variants: readonly Variant[]
  run(variant: Variant, directory: string): Promise<number>
}

export interface Variant {
  readonly engine: EngineName
  readonly level?: 'power' | 'process'
}

export const ALL_ENGINES: readonly Variant[] = [
  { engine: 'logwood', level: 'process' },
  { engine: 'hypercore' },
  { engine: 'hypercore10' }
]

/** The default level of our own, and beside it the one that compares: the others sync nothing. */
export const ALL_LEVELS: readonly Variant[] = [
  { engine: 'logwood', level: 'power' },
  ...ALL_ENGINES
]

interface Row {
  readonly variant: string
  readonly median: number
  readonly runs: readonly number[]
}

export interface CaseResult {
  readonly name: string
  readonly unit: BenchCase['unit']
  readonly target: number | null
  readonly rows: readonly Row[]
  /** Median of ours (level process where there are two) over the better of the others; more is better. */
  readonly ratio: number
}

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
const RUN_TIMEOUT_MS = 300_000

/** Runs a case in rounds of A B … B A. */
export function measure(benchCase: BenchCase, rounds: number): CaseResult {
  const runs = new Map<Variant, number[]>(benchCase.variants.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round++) {
    const order = [...benchCase.variants, ...[...benchCase.variants].reverse()]
    for (const variant of order) runs.get(variant)?.push(runOnce(benchCase.name, variant))
  }
  const rows = [...runs].map(([variant, values]) => ({
    variant: labelOf(variant),
    median: median(values),
    runs: values
  }))
  return { ...pick(benchCase), rows, ratio: ratioOf(benchCase, rows) }
}

export function labelOf({ engine, level }: Variant): string {
  return level === undefined ? engine : `${engine} (${level})`
}

export function writeResults(
  results: readonly CaseResult[],
  versions: Record<string, string>
): string {
  const directory = fileURLToPath(new URL('../../bench/results/', import.meta.url))
  mkdirSync(directory, { recursive: true })
  const path = `${directory}${new Date().toISOString().replaceAll(':', '-')}.json`
  const cpu = cpus()
  const machine = {
    cpu: cpu[0]?.model ?? 'unknown',
    cores: cpu.length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version
  }
  writeFileSync(path, `${JSON.stringify({ machine, versions, results }, null, 2)}\n`)
  return path
}

function pick({ name, unit, target }: BenchCase): Pick<CaseResult, 'name' | 'unit' | 'target'> {
  return { name, unit, target }
}

function runOnce(name: string, variant: Variant): number {
  const words = [CHILD, name, variant.engine, variant.level ?? '']
  const child = spawnSync(process.execPath, words, {
    encoding: 'utf-8',
    timeout: RUN_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const value = Number(child.stdout.trim().split('\n').at(-1))
  if (child.status !== 0 || !Number.isFinite(value)) {
    throw new Error(`${name} with ${labelOf(variant)} failed: ${child.stdout}`)
  }
  return value
}

function ratioOf(benchCase: BenchCase, rows: readonly Row[]): number {
  const ours = rows.filter((row) => row.variant.startsWith('logwood')).at(-1)?.median ?? Number.NaN
  const others = rows.filter((row) => !row.variant.startsWith('logwood')).map((row) => row.median)
  return COSTS.has(benchCase.unit) ? Math.min(...others) / ours : ours / Math.max(...others)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

export function isEngineName(name: string): name is EngineName {
  return (ENGINE_NAMES as readonly string[]).includes(name)
}
