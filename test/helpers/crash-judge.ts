// What a disk after a crash must give (testing.md section 3): a log that opens as it was after some whole
// operation, not before the last promised one nor after the last called one, undamaged; that can be appended to,
// closed and opened again; also if it crashes once more while it recovers; in whose files a deep audit finds nothing,
// neither as they are found nor after going on. Equal disks are judged once.
import { Core } from '../../lib/core/core.ts'
import type { Finding } from '../../lib/core/rescue/finding.ts'
import { depthOf, endOf, rootsOf, startOf } from '../../lib/merkle/flat-tree.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import {
  crashKeyPair,
  isSame,
  type ModelState,
  type Run,
  type Script,
  stateOf
} from './crash-script.ts'
import { crashStates, type Sizes } from './crash-states.ts'
import { type DiskImage, fingerprint } from './disk-image.ts'
import { seedsFor } from './long.ts'
import { seededRandom } from './random.ts'
import { SimDisk } from './sim-disk.ts'

const APPENDED = new Uint8Array([1, 2, 3])
/** Every so many states also: a crash while recovering, and a fresh reader that gets all of it. */
const NESTED_EVERY = 40
const READER_EVERY = 60
export const AUDIT_EVERY = 20
const NESTED_STATES = seedsFor(12, 64)

export interface Tally {
  states: number
  duplicates: number
  nested: number
  readers: number
  audits: number
  readonly families: Record<string, number>
}

export function emptyTally(): Tally {
  return { states: 0, duplicates: 0, nested: 0, readers: 0, audits: 0, families: {} }
}

export interface CrashFault {
  readonly cut: number
  readonly state: string
  readonly what: string
}

/** Judges the states of all cuts, or of as many as `most` allows, drawn at random; stops at the first fault. */
export async function judgeRun(
  script: Script,
  run: Run,
  tally: Tally,
  { sizes, share, auditEvery }: { sizes: Sizes; share: number; auditEvery: number }
): Promise<CrashFault | null> {
  const random = seededRandom(script.seed * 31 + 5)
  const seen = new Set<string>()
  const { trace, initial } = run.disk
  // The names of files are synced before anything is written to them, which power.real.test.ts sees to.
  const namesUntil = 0
  for (let cut = 0; cut <= trace.length; cut++) {
    const range = rangeAt(run, cut)
    for (const state of crashStates(initial, trace, cut, { random, sizes, namesUntil })) {
      if (share < 1 && random.next() >= share) continue
      const from = state.isKill ? range.killed : range.powerless
      const print = `${fingerprint(state.disk)} ${from} ${range.to}`
      if (seen.has(print)) {
        tally.duplicates++
        continue
      }
      seen.add(print)
      const number = tally.states++
      tally.families[state.family] = (tally.families[state.family] ?? 0) + 1
      const isAudited = number % auditEvery === 0
      if (isAudited) tally.audits++
      const judge = new Judge(run, script, from, range.to, isAudited)
      const what = await judge.judge(state.disk, tally, number).catch(described)
      if (what !== null) return { cut, state: `${state.family}, ${state.name}`, what }
    }
  }
  return null
}

function described(error: unknown): string {
  return `throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

/** The model states that may be found: from the last promised one to the last called one. */
function rangeAt(run: Run, cut: number): { killed: number; powerless: number; to: number } {
  const last = (list: Run['done']): number =>
    list.reduce((most, each) => (each.position <= cut ? Math.max(most, each.operation) : most), 0)
  const powerless = last(run.durable)
  const to = run.called.filter((position) => position <= cut).length
  return { killed: Math.max(last(run.done), powerless), powerless, to }
}

class Judge {
  readonly #run: Run
  readonly #script: Script
  readonly #from: number
  readonly #to: number
  readonly #isAudited: boolean

  constructor(run: Run, script: Script, from: number, to: number, isAudited: boolean) {
    this.#run = run
    this.#script = script
    this.#from = from
    this.#to = to
    this.#isAudited = isAudited
  }

  async judge(image: DiskImage, tally: Tally, number: number): Promise<string | null> {
    const disk = new SimDisk(image, { later: queueMicrotask })
    const fault = await this.#goesOn(disk, number % READER_EVERY === 0 ? tally : null)
    if (fault !== null || number % NESTED_EVERY !== 0) return fault
    return this.#crashesAgain(image, tally, number)
  }

  #open(disk: SimDisk): Promise<Core> {
    return LogFiles.open(disk.factory).then((files) =>
      Core.open(files, { keyPair: crashKeyPair, limits: this.#script.limits })
    )
  }

  async #opens(disk: SimDisk): Promise<{ core: Core; state: ModelState } | string> {
    const core = await this.#open(disk)
    if (core.behind !== null) return `opens as behind: ${core.behind}`
    const state = await stateOf(core)
    const { states } = this.#run
    const fits = states.some((each, k) => k >= this.#from && k <= this.#to && isSame(each, state))
    if (!fits) {
      const found = states.findLastIndex((each) => isSame(each, state))
      return `holds state ${found}, length ${state.blocks.length}, not one of ${this.#from} to ${this.#to}`
    }
    if (core.damages.length > 0) return `reports damage: ${JSON.stringify(core.damages)}`
    if (core.length !== core.tree.length) return `publishes ${core.length} of ${core.tree.length}`
    return { core, state }
  }

  async #goesOn(disk: SimDisk, readers: Tally | null): Promise<string | null> {
    const opened = await this.#opens(disk)
    if (typeof opened === 'string') return opened
    const { core, state } = opened
    const found = await this.#audits(core, true)
    if (found !== null) return `audited when opened: ${found}`
    await core.append([APPENDED])
    if (readers !== null) {
      readers.readers++
      const fault = await copies(core)
      if (fault !== null) return fault
    }
    await core.close()
    const again = await this.#open(disk)
    const after = await stateOf(again)
    const damages = again.damages.length
    const foundAfter = await this.#audits(again, false)
    await again.close()
    if (foundAfter !== null) return `audited after closing: ${foundAfter}`
    if (damages > 0) return 'reports damage after closing'
    const expected = { ...state, blocks: [...state.blocks, APPENDED] }
    return isSame(after, expected) ? null : 'does not keep what is appended after the crash'
  }

  /** A seal that was torn is written anew in going on. */
  async #audits(core: Core, mayBeTorn: boolean): Promise<string | null> {
    if (!this.#isAudited) return null
    const { findings } = await core.audit({ deep: true })
    const isTorn = (each: Finding): boolean => each.kind === 'seal' && each.severity === 'warning'
    const left = findings.filter((each) => !mayBeTorn || !isTorn(each))
    return left.length === 0 ? null : JSON.stringify(left)
  }

  /** Crashes while recovering: the second disk obeys the same. */
  async #crashesAgain(image: DiskImage, tally: Tally, number: number): Promise<string | null> {
    const disk = new SimDisk(image, { later: queueMicrotask })
    const opened = await this.#opens(disk)
    if (typeof opened === 'string') return opened
    const random = seededRandom(number + 1)
    const sizes = { random: 2, moments: 2, sectors: 1 }
    const options = { random, sizes, namesUntil: -1 }
    const trace = [...disk.trace]
    await opened.core.close()
    const states = trace.flatMap((_, cut) => [...crashStates(image, trace, cut, options)])
    for (let k = 0; k < Math.min(NESTED_STATES, states.length); k++) {
      const state = states.length <= NESTED_STATES ? states[k]! : states[random.int(states.length)]!
      tally.nested++
      const fault = await this.#goesOn(new SimDisk(state.disk, { later: queueMicrotask }), null)
      if (fault !== null) return `after a second crash (${state.family}, ${state.name}): ${fault}`
    }
    return null
  }
}

/** A fresh reader gets everything by proofs, and agrees. */
export async function copies(core: Core): Promise<string | null> {
  const reader = await Core.open(await LogFiles.open(memoryStorage()), { key: core.key })
  const { fork, length } = core
  const ask = async (part: Partial<typeof emptyRequest>): Promise<string> => {
    const proof = await core.prove({ ...emptyRequest, fork, ...part })
    return proof === null ? 'no proof' : reader.accept(proof)
  }
  const upgraded = await ask({ manifest: true, upgrade: { start: 0, length } })
  if (upgraded !== 'stored') return `a reader's upgrade: ${upgraded}`
  for (let index = 0; index < length; index++) {
    if (!core.has(index)) continue
    const result = await ask({ block: { index, nodes: levelsAbove(index, length) } })
    if (result !== 'stored') return `a reader's block ${index}: ${result}`
    const [ours, theirs] = [await core.read(index), await reader.read(index)]
    if (ours === null || theirs === null || !equalBytes(ours, theirs)) {
      return `a reader's block ${index} is another`
    }
  }
  await reader.close()
  return null
}

/** From the block up to the root over it. */
function levelsAbove(index: number, length: number): number {
  const root = rootsOf(length).find((each) => startOf(each) <= index && index < endOf(each))
  return root === undefined ? 0 : depthOf(root)
}
