// SimNetwork: hosts by name, connections between them, partitions. Everything is drawn from the world's seed.
import type { Env } from '../env.ts'
import { type LineOptions, SimLink } from './link.ts'
import type { SeededRandom } from './random.ts'

interface Connection {
  readonly link: SimLink
  readonly hosts: readonly [string, string]
}

export class SimNetwork {
  readonly #env: Env
  readonly #random: SeededRandom
  #connections: Connection[] = []
  /** Hosts by the side of the partition that they are on; null: there is none. */
  #sides: ReadonlyMap<string, number> | null = null

  constructor(env: Env, random: SeededRandom) {
    this.#env = env
    this.#random = random
  }

  /** Connections that are not closed. */
  get count(): number {
    this.#connections = this.#connections.filter(({ link }) => !link.isClosed)
    return this.#connections.length
  }

  /** A connection from one host to another; held from the begin if a partition lies between them. */
  connect(from: string, to: string, options: LineOptions = {}): SimLink {
    const link = new SimLink(this.#env, this.#random, options)
    const connection: Connection = { link, hosts: [from, to] }
    this.#connections = this.#connections.filter((each) => !each.link.isClosed)
    this.#connections.push(connection)
    if (this.#isParted(connection)) link.hold()
    return link
  }

  /** From now on hosts of different groups do not hear of each other; hosts in no group are in one of their own. */
  partition(groups: readonly (readonly string[])[]): void {
    this.heal()
    this.#sides = new Map(groups.flatMap((group, side) => group.map((host) => [host, side])))
    for (const each of this.#connections) if (this.#isParted(each)) each.link.hold()
  }

  /** What was held arrives. */
  heal(): void {
    this.#sides = null
    for (const { link } of this.#connections) link.letGo()
  }

  /** All connections of a host are reset, as when it loses its power or its network. */
  cut(host: string): void {
    for (const { link, hosts } of this.#connections) if (hosts.includes(host)) link.cut()
  }

  #isParted({ hosts: [a, b] }: Connection): boolean {
    return this.#sides !== null && this.#sides.get(a) !== this.#sides.get(b)
  }
}
