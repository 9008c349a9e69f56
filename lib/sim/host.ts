// SimHost: a machine in the world: a clock of its own that stops when the machine goes down, a disk, connections.
// After a crash its programs are simply gone: no timer of theirs fires, no write of theirs arrives anywhere.
import type { Env } from '../env.ts'
import type { SimClock } from './clock.ts'
import type { SimDisk } from './disk.ts'
import type { SimNetwork } from './network.ts'

export class SimHost {
  readonly name: string
  readonly disk: SimDisk
  readonly #clock: SimClock
  readonly #network: SimNetwork
  #env: HostEnv

  constructor(name: string, clock: SimClock, network: SimNetwork, disk: SimDisk) {
    this.name = name
    this.disk = disk
    this.#clock = clock
    this.#network = network
    this.#env = new HostEnv(clock)
  }

  /** For what runs on this host until it goes down; what is started afterwards takes the new one. */
  get env(): Env {
    return this.#env
  }

  /** Goes down at once. `power`: what was not synced is lost in part; else the process died and its writes stay. */
  crash(what: 'power' | 'process'): void {
    this.#env.stop()
    this.#env = new HostEnv(this.#clock)
    if (what === 'power') this.disk.cutPower()
    else this.disk.kill()
    this.#network.cut(this.name)
  }
}

class HostEnv implements Env {
  readonly #clock: SimClock
  readonly #timers: Set<Disposable> = new Set()
  #isDown = false

  constructor(clock: SimClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  random(): number {
    return this.#clock.random()
  }

  randomBytes(byteLength: number): Uint8Array {
    return this.#clock.randomBytes(byteLength)
  }

  setTimer(delayMs: number, run: () => void): Disposable {
    if (this.#isDown) return { [Symbol.dispose]: () => {} }
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(own)
      run()
    })
    const own: Disposable = {
      [Symbol.dispose]: () => {
        this.#timers.delete(own)
        timer[Symbol.dispose]()
      }
    }
    this.#timers.add(own)
    return own
  }

  stop(): void {
    this.#isDown = true
    for (const timer of [...this.#timers]) timer[Symbol.dispose]()
  }
}
