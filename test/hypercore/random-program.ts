// Programs of random calls on a core, its sessions, snapshots, batches and atoms, and on a reader that follows it. Each
// step has a seed of its own, so a program stays itself when others of its steps are left out.
//
// What differs on purpose is not asked for; the list is the first table of docs/coming-from-hypercore.md:
// - seeks and cuts after a clear: npm hypercore gives up tree nodes as well, and may lack them then;
// - batches on a core that was cut: npm hypercore rejects their commit with null or with one error or another, while here
//   only the loss of what they stand on is a reason to (own.test.ts); their reads and snapshots differ with it.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import type { HypercoreOptions } from '../../lib/hypercore/options.ts'
import { deferred } from '../../lib/util/deferred.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import type { Core, Pipe, Script, Stage } from './both.ts'
import { MOVES } from './random-moves.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))
const MAX_STEPS = 60
/** A call that is not answered by then never is. */
const DEADLINE_MS = 15_000

export type Kind = 'core' | 'session' | 'snapshot' | 'batch'

export interface Target {
  readonly kind: Kind
  readonly name: string
  readonly core: Core
}

export interface World {
  readonly stage: Stage
  readonly core: Core
  readonly reader: Core
  /** What is read from; the core itself is the first. */
  readonly targets: Target[]
  pipe: Pipe
  /** How many were opened, for their names. */
  opened: number
  readonly isEncrypted: boolean
  isCleared: boolean
  isCut: boolean
}

export type Move = (world: World, random: SeededRandom) => Promise<unknown>

export interface Step {
  readonly move: Move
  readonly seed: number
}

export interface Program {
  readonly options: HypercoreOptions
  readonly steps: readonly Step[]
}

export function programOf(seed: number): Program {
  const random = seededRandom(seed)
  const total = MOVES.reduce((sum, [weight]) => sum + weight, 0)
  const steps = Array.from({ length: 1 + random.int(MAX_STEPS) }, (): Step => {
    let left = random.int(total)
    const found = MOVES.find(([weight]) => {
      left -= weight
      return left < 0
    })
    return { move: found?.[1] ?? (async () => {}), seed: random.int(2 ** 31) }
  })
  const encryption = random.int(4) === 0 ? { key: Buffer.alloc(32, 9) } : null
  return { options: { encryption }, steps }
}

/** Plays the program, and writes down what it comes to after each step. */
export function scriptOf({ options, steps }: Program): Script {
  return async (stage) => {
    const core = await stage.open(null, { ...options, keyPair })
    const reader = await stage.open(core.key, options)
    stage.follow('core', core, ['append', 'truncate'])
    const world: World = {
      stage,
      core,
      reader,
      targets: [{ kind: 'core', name: 'core', core }],
      pipe: stage.replicate(core, reader),
      opened: 0,
      isEncrypted: !!options.encryption,
      isCleared: false,
      isCut: false
    }
    for (const { move, seed } of steps) {
      await within(move.name, move(world, seededRandom(seed)))
      stage.tell('state', [core.length, core.byteLength, core.fork, core.contiguousLength])
      stage.tell(
        'targets',
        world.targets.map((target) => extentOf(world, target))
      )
    }
  }
}

function extentOf({ isEncrypted }: World, { kind, name, core }: Target): unknown {
  const { length, byteLength, fork } = core
  // npm hypercore counts the padding of snapshots, though not that of cores; and batches with a checkout begin at fork 0.
  const isPadded = isEncrypted && kind === 'snapshot'
  return [length, isPadded ? null : byteLength, name.includes('batch') ? null : fork]
}

async function within(what: string, work: Promise<unknown>): Promise<void> {
  const late = deferred<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} hangs`)), DEADLINE_MS)
  try {
    await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
