// Swarms in a simulated world: peers that fetch from each other over lines of all kinds, crash, are cut off and come
// back, while the log is appended to, cut and cleared. Whatever happens, nobody holds what was not written or goes back;
// once it is calm, everybody has everything; at the end nothing is left. LOGWOOD_SEED=n repeats a swarm exactly.
import { test } from 'brittle'
import { LONG, seedList, tellFigures } from '../helpers/long.ts'
import { shrink } from '../helpers/shrink.ts'
import { LARGE, type Plan, planOf } from '../helpers/swarm/plan.ts'
import { runPlan } from '../helpers/swarm/swarm.ts'

const TIMEOUT = { timeout: LONG ? 3_600_000 : 300_000 }
/** Share of the blocks that may be sent in vain where connections break under way and lines are slow. */
const MAX_WASTE = 0.02
/** Share that may be asked of who does not have them any more. */
const MAX_VAIN = 0.001
/** Summed up over all swarms. */
const SUMMED = ['fetched', 'served', 'vain', 'crossed', 'crashes', 'gets'] as const

test('swarms of 3 to 12 peers, in storm and calm', TIMEOUT, async (t) => {
  const sums = Object.fromEntries(SUMMED.map((name) => [name, 0]))
  const seeds = seedList(60, 2_500)
  let clean = 0
  let slowestMs = 0
  for (const seed of seeds) {
    const plan = planOf(seed)
    const outcome = await runPlan(plan)
    if (outcome.violations.length > 0) t.fail(await told(plan, outcome.violations))
    for (const name of SUMMED) sums[name] = (sums[name] ?? 0) + outcome[name]
    slowestMs = Math.max(slowestMs, outcome.convergedMs)
    if (!plan.isClean) continue
    clean++
    const { fetched, served, vain, crossed, unknownHashes } = outcome
    if (served !== fetched) t.fail(`LOGWOOD_SEED=${seed}: ${served - fetched} blocks twice`)
    if (vain + crossed + unknownHashes > 0) t.fail(`LOGWOOD_SEED=${seed}: asked in vain`)
  }
  const { fetched = 0, served = 0, vain = 0 } = sums
  t.ok(fetched > 100 * seeds.length, `${fetched} blocks were fetched`)
  t.ok(served - fetched <= MAX_WASTE * fetched, `${served - fetched} were sent in vain`)
  t.ok(vain <= MAX_VAIN * fetched, `${vain} asked of who did not have them`)
  const slowest = `${Math.ceil(slowestMs / 1000)} s`
  tellFigures(t, 'T-SIM swarms', { swarms: seeds.length, clean, ...sums, 'slowest calm': slowest })
})

test('a seed gives the same run again', TIMEOUT, async (t) => {
  for (const seed of seedList(3, 20)) {
    const [first, second] = [await runPlan(planOf(seed)), await runPlan(planOf(seed))]
    t.alike(second, first)
  }
})

test('a swarm of 200 peers', TIMEOUT, async (t) => {
  for (const seed of seedList(1, 10)) {
    const outcome = await runPlan(planOf(seed, LARGE))
    t.alike(outcome.violations, [], `LOGWOOD_SEED=${seed}`)
    const { fetched, served, vain, crashes, tasks } = outcome
    tellFigures(t, 'T-SIM 200 peers', { seed, fetched, served, vain, crashes, tasks })
  }
})

/** What went wrong, and the fewest actions that still make something go wrong. */
async function told(plan: Plan, violations: readonly string[]): Promise<string> {
  const fails = async (actions: Plan['actions']): Promise<boolean> =>
    (await runPlan({ ...plan, actions })).violations.length > 0
  const actions = await shrink(plan.actions, fails, () => [])
  const list = actions.map((action) => JSON.stringify(action)).join('\n')
  return `LOGWOOD_SEED=${plan.seed}: ${violations.slice(0, 5).join('\n')}\nleast actions:\n${list}`
}
