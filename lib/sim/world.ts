// SimWorld: a world of its own for logs: one clock, one network, hosts by name, all drawn from one seed. What happens
// in it happens again, exactly, with the same seed.
import { SimClock } from './clock.ts'
import { type DiskOptions, SimDisk } from './disk.ts'
import { SimHost } from './host.ts'
import { SimNetwork } from './network.ts'
import { type SeededRandom, seededRandom } from './random.ts'

export class SimWorld {
  readonly seed: number
  /** For scripts: draws from it are part of what the seed decides. */
  readonly random: SeededRandom
  /** Moves only in run, until and settled. */
  readonly clock: SimClock
  readonly network: SimNetwork
  readonly #hosts: Map<string, SimHost> = new Map()
  readonly #diskOptions: DiskOptions

  constructor(seed: number, options: { disk?: DiskOptions } = {}) {
    this.seed = seed
    this.random = seededRandom(seed)
    this.clock = new SimClock(seededRandom(seed + 0x51ed))
    this.network = new SimNetwork(this.clock, seededRandom(seed + 0xa11))
    this.#diskOptions = options.disk ?? {}
  }

  /** The host of that name: the same one each time. */
  host(name: string): SimHost {
    let host = this.#hosts.get(name)
    if (host === undefined) {
      const random = seededRandom(this.seed * 31 + this.#hosts.size)
      // The disk takes its time by the world's clock: it does not stop with the host.
      const disk = new SimDisk(this.clock, random, this.#diskOptions)
      host = new SimHost(name, this.clock, this.network, disk)
      this.#hosts.set(name, host)
    }
    return host
  }
}
