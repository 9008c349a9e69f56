// One peer of a simulated swarm: its log while it is up, what its log was asked and given, and what it may not do.
import { createManifest, manifestKey } from '../../../lib/core/manifest.ts'
import type { KeyPair } from '../../../lib/crypto/key-pair.ts'
import { ProofError, ProtocolError } from '../../../lib/errors.ts'
import { Log } from '../../../lib/log/log.ts'
import { OpenedLog } from '../../../lib/log/opened-log.ts'
import type { SimHost } from '../../../lib/sim/host.ts'
import type { Head, History } from './history.ts'

export interface Counts {
  /** Blocks that came from a peer and were stored. */
  fetched: number
  /** Blocks that were sent. */
  served: number
  /** Questions about blocks that whoever was asked did not have, though it was on that history. */
  vain: number
  /** Questions that crossed with a cut of the history. */
  crossed: number
  /** Hashes of another history that were asked of who does not store them: nobody tells which it stores. */
  unknownHashes: number
  crashes: number
  gets: number
}

export interface Duties {
  readonly history: History
  readonly counts: Counts
  /** Something happened that must not. */
  violated(what: string): void
}

export class Member {
  readonly index: number
  readonly host: SimHost
  readonly #duties: Duties
  readonly #keyPair: KeyPair
  #opened: OpenedLog | null = null
  #log: Log | null = null
  #last: Head = { fork: 0, length: 0 }

  constructor(index: number, host: SimHost, keyPair: KeyPair, duties: Duties) {
    this.index = index
    this.host = host
    this.#keyPair = keyPair
    this.#duties = duties
  }

  get isWriter(): boolean {
    return this.index === 0
  }

  /** Null while it is down. */
  get log(): Log | null {
    return this.#log
  }

  get opened(): OpenedLog | null {
    return this.#opened
  }

  async start(): Promise<void> {
    const { host } = this
    const who = this.isWriter ? { keyPair: this.#keyPair } : { key: keyOf(this.#keyPair) }
    const opened = await OpenedLog.open(host.disk.factory, { ...who, env: host.env })
    this.#watch(opened)
    this.#opened = opened
    this.#log = Log.over(opened, {})
    // What a crash leaves may be shorter: what was acknowledged, the writer's history tells.
    this.#last = { fork: 0, length: 0 }
    this.#moved(opened)
    if (this.isWriter) this.#duties.history.forget()
  }

  crash(what: 'power' | 'process'): void {
    this.host.crash(what)
    this.#opened = null
    this.#log = null
  }

  async stop(): Promise<void> {
    const log = this.#log
    this.#opened = null
    this.#log = null
    await log?.close()
  }

  #watch(opened: OpenedLog): void {
    const { core } = opened
    const { counts } = this.#duties
    core.on('applied', (change) => {
      if (change.headChanged && this.#isUp(opened)) this.#moved(opened)
    })
    opened.events.on('fault', (error) => {
      if (error instanceof ProofError || error instanceof ProtocolError) {
        this.#violated(`blames an honest peer: ${error.message}`)
      }
    })
    opened.events.on('conflict', () => this.#violated('sees two histories where there is one'))
    const accept = core.accept.bind(core)
    core.accept = async (proof) => {
      const isNew = proof.block !== null && !core.has(proof.block.index)
      const accepted = await accept(proof)
      if (isNew && accepted === 'stored') counts.fetched++
      return accepted
    }
    const prove = core.prove.bind(core)
    core.prove = async (request) => {
      const proof = await prove(request)
      if (proof !== null) {
        if (proof.block !== null) counts.served++
        return proof
      }
      if (request.fork !== core.fork) counts.crossed++
      else if (request.block === null && request.upgrade === null) counts.unknownHashes++
      else counts.vain++
      return proof
    }
  }

  #isUp(opened: OpenedLog): boolean {
    return this.#opened === opened
  }

  #moved(opened: OpenedLog): void {
    const { fork, length } = opened.core.tree
    const { history } = this.#duties
    const head = { fork, length }
    if (this.isWriter && !history.isNow(head)) this.#violated(`signed ${fork}:${length} unasked`)
    if (!history.wasSigned(head)) this.#violated(`is at ${fork}:${length}, which nobody signed`)
    const last = this.#last
    if (fork < last.fork || (fork === last.fork && length < last.length)) {
      this.#violated(`went back from ${last.fork}:${last.length} to ${fork}:${length}`)
    }
    this.#last = head
  }

  #violated(what: string): void {
    this.#duties.violated(`peer ${this.index} ${what}`)
  }
}

/** Of a log with one signer. */
function keyOf({ publicKey }: KeyPair): Uint8Array {
  return manifestKey(createManifest({ signers: [{ publicKey }] }))
}
