// Programs of random calls (random-program.ts) on npm hypercore 11 and on the façade: values, lengths, events and codes of
// errors have to be the same. One that differs is shrunk, and printed with what it came to. LOGWOOD_SEED=17 repeats one.
import { type Assertions, test } from 'brittle'
import Reference from 'hypercore'
import { Hypercore } from '../../lib/hypercore/hypercore.ts'
import { keepAlive } from '../helpers/keep-alive.ts'
import { seedList, tellFigures } from '../helpers/long.ts'
import { type HypercoreClass, play } from './both.ts'
import { type Program, programOf, type Step, scriptOf } from './random-program.ts'

/** Runs of both that shrinking may take. */
const MAX_SHRINKS = 150

interface Outcome {
  readonly theirs: readonly string[]
  readonly ours: readonly string[]
  /** Where they part; -1 if nowhere. */
  readonly at: number
}

async function outcomeOf(t: Assertions, program: Program): Promise<Outcome> {
  const script = scriptOf(program)
  const told = async (Class: HypercoreClass): Promise<string[]> =>
    (await play(t, Class, script)).map((each) => JSON.stringify(each))
  const theirs = await told(Reference as unknown as HypercoreClass)
  const ours = await told(Hypercore)
  const length = Math.max(theirs.length, ours.length)
  const at = Array.from({ length }, (_, i) => i).find((i) => theirs[i] !== ours[i]) ?? -1
  return { theirs, ours, at }
}

/** Fewer steps that still differ: halves are left out, then quarters, down to single ones. */
async function shrunk(
  program: Program,
  differs: (program: Program) => Promise<boolean>
): Promise<Program> {
  let { steps } = program
  let left = MAX_SHRINKS
  for (let size = steps.length >> 1; size >= 1; size >>= 1) {
    for (let start = 0; start < steps.length && left > 0; ) {
      const fewer: Step[] = [...steps.slice(0, start), ...steps.slice(start + size)]
      left--
      if (await differs({ ...program, steps: fewer })) steps = fewer
      else start += size
    }
  }
  return { ...program, steps }
}

/** Failures amid shrinking are what is looked for. */
const quiet = { fail: () => {} } as unknown as Assertions

async function explain(t: Assertions, seed: number, program: Program): Promise<void> {
  const least = await shrunk(program, async (each) => (await outcomeOf(quiet, each)).at >= 0)
  const { theirs, ours, at } = await outcomeOf(quiet, least)
  const lines = theirs
    .slice(0, Math.max(0, at))
    .filter((line) => !/^\["(state|targets)"/.test(line))
  t.comment(`seed ${seed} shrunk: ${least.steps.map(({ move }) => move.name).join(', ')}`)
  for (const line of lines) t.comment(`  ${line}`)
  t.comment(`  hypercore ${theirs[at]}`)
  t.comment(`  logwood   ${ours[at]}`)
}

test('random programs come to the same on both', { timeout: 7_200_000 }, async (t) => {
  keepAlive(t)
  const seeds = seedList(60, 3000)
  let outcomes = 0
  for (const seed of seeds) {
    const program = programOf(seed)
    const { theirs, ours, at } = await outcomeOf(t, program)
    outcomes += theirs.length
    if (at < 0) continue
    t.is(ours[at], theirs[at], `seed ${seed}, outcome ${at}`)
    await explain(t, seed, program)
  }
  tellFigures(t, 'T-TWIN', { programs: seeds.length, outcomes })
  t.pass()
})
