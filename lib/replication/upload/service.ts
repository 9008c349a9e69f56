// Service: whose question is answered next, over all peers of one log: a deficit round robin in bytes
// (Shreedhar and Varghese 1995), so that who asks for much, or for large blocks, does not crowd out the others.
// An answer's length is known when it is made, so it is charged afterwards: whoever is in debt waits until the
// round has paid it off. A slice of work later, other events have their turn, such as the questions of others.
import { atNextTurn } from '../../util/next-turn.ts'
import {
  ANSWER_COST_BYTES,
  MAX_ALL_ANSWERS_UNDER_WAY,
  SERVICE_QUANTUM_BYTES,
  SERVICE_SLICE_BYTES
} from '../constants.ts'

/** One peer's questions, as the service sees them. */
export interface Served {
  /** A question waits, and may be answered now. */
  readonly isReady: boolean
  /** Makes one answer and resolves with its length when it is made. */
  begin(): Promise<number>
}

const services: WeakMap<object, Service> = new WeakMap()

export class Service {
  /** Who may have a question, in turn. */
  #ring: Set<Served> = new Set()
  /** What each may still spend in its turn; less than nothing: a debt. */
  #credits: WeakMap<Served, number> = new WeakMap()
  #underWay = 0
  #sliceBytes = 0
  #isRunning = false
  #isYielding = false

  /** The one of a log. */
  static of(log: object): Service {
    let service = services.get(log)
    if (service === undefined) {
      service = new Service()
      services.set(log, service)
    }
    return service
  }

  /** There may be something to do for this peer. */
  wake(served: Served): void {
    this.#ring.add(served)
    this.#run()
  }

  leave(served: Served): void {
    this.#ring.delete(served)
  }

  #run(): void {
    if (this.#isRunning || this.#isYielding) return
    this.#isRunning = true
    while (this.#underWay < MAX_ALL_ANSWERS_UNDER_WAY) {
      if (this.#sliceBytes >= SERVICE_SLICE_BYTES) {
        this.#yield()
        break
      }
      const served = this.#next()
      if (served === null) break
      this.#begin(served)
    }
    this.#isRunning = false
  }

  /** The next in turn that has a question and is not in debt. */
  #next(): Served | null {
    for (const served of this.#ring) {
      const credit = this.#creditOf(served)
      if (served.isReady && credit > 0) return served
      this.#ring.delete(served)
      if (!served.isReady) continue
      // Its next turn. Added behind the others, it is met again in this very loop.
      this.#credits.set(served, credit + SERVICE_QUANTUM_BYTES)
      this.#ring.add(served)
    }
    return null
  }

  #begin(served: Served): void {
    this.#underWay++
    this.#charge(served, ANSWER_COST_BYTES)
    const ended = (byteLength: number): void => {
      this.#underWay--
      this.#charge(served, byteLength)
      this.#run()
    }
    // It rejects only if a listener of the application's throws, who is told by nobody else either.
    served.begin().then(ended, () => ended(0))
  }

  #creditOf(served: Served): number {
    return this.#credits.get(served) ?? SERVICE_QUANTUM_BYTES
  }

  #charge(served: Served, byteLength: number): void {
    this.#credits.set(served, this.#creditOf(served) - byteLength)
    this.#sliceBytes += byteLength
  }

  #yield(): void {
    this.#isYielding = true
    atNextTurn(() => {
      this.#isYielding = false
      this.#sliceBytes = 0
      this.#run()
    })
  }
}
