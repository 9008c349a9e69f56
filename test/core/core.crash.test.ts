// T-CRASH: scripts of appends, truncations, clears, reopenings and failed syncs on tiny limits; at every moment of the
// trace every disk that a kill or a power cut may leave (helpers/crash-states.ts) is opened and judged
// (helpers/crash-judge.ts). A failure prints the smallest script that still fails. One seed again: LOGWOOD_SEED.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import {
  AUDIT_EVERY,
  type CrashFault,
  emptyTally,
  judgeRun,
  type Tally
} from '../helpers/crash-judge.ts'
import {
  crashKeyPair,
  makeScript,
  record,
  type Script,
  type Step
} from '../helpers/crash-script.ts'
import { ALL, crashStates, type Sizes, SOME } from '../helpers/crash-states.ts'
import { seedList, seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import { shrink } from '../helpers/shrink.ts'
import { SimDisk } from '../helpers/sim-disk.ts'

const MINUTE_MS = 60_000

async function faultOf(
  script: Script,
  tally: Tally,
  how: { sizes: Sizes; share: number; auditEvery: number }
): Promise<CrashFault | null> {
  return judgeRun(script, await record(script), tally, how)
}

/** The smallest script with a fault, and the fault, in words. */
async function explained(script: Script, fault: CrashFault): Promise<string> {
  const how = { sizes: SOME, share: 1, auditEvery: 1 }
  const withSteps = (steps: readonly Step[]): Script => ({ ...script, steps })
  const fails = async (steps: readonly Step[]): Promise<boolean> =>
    (await faultOf(withSteps(steps), emptyTally(), how).catch(() => null)) !== null
  const found = (await fails(script.steps)) ? await shrink(script.steps, fails, simpler) : null
  if (found === null) return `${JSON.stringify(script)}: ${JSON.stringify(fault)}`
  const smallest = withSteps(found)
  const again = await faultOf(smallest, emptyTally(), how)
  return `smallest script ${JSON.stringify(smallest)}: ${JSON.stringify(again)}`
}

function simpler(step: Step): Step[] {
  if (step.kind !== 'append') return []
  const simplerSteps: Step[] = []
  if (step.sizes.length > 1) {
    simplerSteps.push({ ...step, sizes: step.sizes.slice(0, step.sizes.length >> 1) })
  }
  if (step.sizes.some((size) => size > 1)) {
    simplerSteps.push({ ...step, sizes: step.sizes.map((size) => size >> 1) })
  }
  if (!step.waits) simplerSteps.push({ ...step, waits: true })
  return simplerSteps
}

function tell(t: Parameters<typeof tellFigures>[0], suite: string, tally: Tally): void {
  const { families, ...rest } = tally
  tellFigures(t, suite, { ...rest, ...families })
}

test('every disk of a small trace', { timeout: 30 * MINUTE_MS }, async (t) => {
  const script: Script = {
    seed: 1,
    limits: { halfBytes: 4096, inlineLimitBytes: 200, syncAfterMs: 1 },
    steps: [
      { kind: 'append', sizes: [10, 0, 100], level: 'process', waits: false },
      { kind: 'append', sizes: [201], level: 'power', waits: false },
      { kind: 'note', byteLength: 20 },
      { kind: 'truncate', share: 0.5 },
      { kind: 'append', sizes: [150, 60], level: 'power', waits: true },
      { kind: 'clear', share: 0, count: 1 },
      { kind: 'append', sizes: [200], level: 'process', waits: true }
    ]
  }
  const tally = emptyTally()
  const fault = await faultOf(script, tally, { sizes: ALL, share: 1, auditEvery: 1 })
  t.is(fault === null ? null : await explained(script, fault), null)
  tell(t, 'T-CRASH small trace', tally)
})

test('what a crash dropped does not come back when the same is written again', async (t) => {
  const limits = { halfBytes: 16_384, syncAfterMs: 1000 }
  const open = async (disk: SimDisk): Promise<Core> =>
    Core.open(await LogFiles.open(disk.factory), { keyPair: crashKeyPair, limits })
  const first = new SimDisk()
  await (await open(first)).close()
  const before = first.trace.length
  const core = await open(first)
  const [one, two] = [new Uint8Array(4100).fill(1), new Uint8Array(200).fill(2)]
  await core.append([one], { durability: 'process' })
  await core.append([two], { durability: 'process' })
  const random = seededRandom(1)
  let states = 0
  const trace = [...first.trace]
  await core.close()
  for (let cut = before; cut <= trace.length; cut++) {
    const options = { random, sizes: ALL, namesUntil: 0 }
    for (const { disk: image, isKill, name } of crashStates(new Map(), trace, cut, options)) {
      if (isKill) continue
      const disk = new SimDisk(image, { later: queueMicrotask })
      const again = await open(disk)
      const { length } = again.tree
      await again.append([one], { durability: 'process' })
      const killed = await open(new SimDisk(disk.image, { later: queueMicrotask }))
      if (killed.tree.length !== length + 1) t.fail(`cut ${cut}, ${name}: ${killed.tree.length}`)
      await killed.close()
      await again.close()
      states++
    }
  }
  t.ok(states > 8, `${states} disks`)
})

test('disks after a crash in scripts by chance', { timeout: 600 * MINUTE_MS }, async (t) => {
  const tally = emptyTally()
  const how = {
    sizes: seedsFor(0, 1) === 1 ? ALL : SOME,
    share: seedsFor(0.115, 1),
    auditEvery: AUDIT_EVERY
  }
  for (const seed of seedList(12, 60)) {
    const script = makeScript(seed, 40)
    const fault = await faultOf(script, tally, how)
    t.is(fault === null ? null : await explained(script, fault), null, `T-CRASH seed ${seed}`)
  }
  tell(t, 'T-CRASH', tally)
})
