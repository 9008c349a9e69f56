// Hub: the connections of a store. Each learns of every log that is open here, unless it was told to wait until asked;
// and a log that the remote opens and that is held, but not open, is opened for it.
//
// Who asks for a log has to show with its open that it knows the log's key (spec replication.md section 2). To all
// others, whether the log is held or not, the answer is the same, after the same while (promise P3 of reliability.md).
// Owner: OpenedStore.
import type { Env } from '../env.ts'
import type { OpenedLog } from '../log/opened-log.ts'
import type { Multiplexer } from '../mux/multiplexer.ts'
import { isCapability } from '../replication/capability.ts'
import { PROTOCOL, PROTOCOL_ALIASES } from '../replication/constants.ts'
import { handshakeCodec } from '../replication/messages.ts'
import { background } from '../util/background.ts'
import { copyOf } from '../util/bytes.ts'
import { decode } from '../util/codec.ts'
import { atNextTurn } from '../util/next-turn.ts'
import { sleep } from '../util/sleep.ts'
import {
  ATTACHED_PER_TURN,
  MAX_OPENINGS,
  MAX_STORE_CHANNELS,
  MAX_STORE_WAITING_OPENS,
  REFUSAL_AFTER_MS,
  STORE_VAIN_OPENS
} from './constants.ts'
import type { AccessRequest } from './options.ts'

export interface HubParts {
  readonly env: Env
  readonly opened: () => Iterable<OpenedLog>
  readonly isHeld: (discoveryKey: Uint8Array) => boolean
  /** The log, open and not closing before the callback has run; null if it cannot be. */
  readonly use: (discoveryKey: Uint8Array, run: (log: OpenedLog) => void) => Promise<void>
  readonly authorize: ((request: AccessRequest) => boolean | Promise<boolean>) | null
}

export class Hub {
  readonly #parts: HubParts
  /** Each with whether it is told of our logs unasked. */
  readonly #muxes: Map<Multiplexer, boolean> = new Map()
  #openings = 0
  readonly #waiting: (() => void)[] = []

  constructor(parts: HubParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#muxes.size
  }

  /** Replicates over this connection as long as it lasts. Idempotent. */
  attach(mux: Multiplexer, offers = true): void {
    if (this.#muxes.has(mux) || mux.isClosed) return
    this.#muxes.set(mux, offers)
    mux.widen({
      remoteChannels: MAX_STORE_CHANNELS,
      waitingOpens: MAX_STORE_WAITING_OPENS,
      vainOpens: STORE_VAIN_OPENS
    })
    for (const protocol of [PROTOCOL, ...PROTOCOL_ALIASES]) {
      mux.pair({ protocol }, (id, handshake) => this.#answer(mux, id, handshake))
    }
    background(
      mux.closed.then(() => this.#muxes.delete(mux)),
      () => {}
    )
    if (offers) background(this.#offerAll(mux), () => {})
  }

  /** A log is open from now on. */
  logOpened(log: OpenedLog): void {
    for (const [mux, offers] of this.#muxes) if (offers) this.#offer(mux, log)
  }

  /** The connections stay, and know nothing of logs any more. */
  close(): void {
    for (const mux of this.#muxes.keys()) {
      for (const protocol of [PROTOCOL, ...PROTOCOL_ALIASES]) mux.unpair({ protocol })
    }
    this.#muxes.clear()
  }

  /** In pieces: a thousand logs are no reason to keep everybody else waiting. */
  async #offerAll(mux: Multiplexer): Promise<void> {
    let count = 0
    for (const log of [...this.#parts.opened()]) {
      if (++count % ATTACHED_PER_TURN === 0) await new Promise<void>(atNextTurn)
      if (!this.#muxes.has(mux)) return
      if (log.isOpen) this.#offer(mux, log)
    }
  }

  #offer(mux: Multiplexer, log: OpenedLog): void {
    if (this.#parts.authorize === null) {
      log.connections.attach(mux)
      return
    }
    const asked = this.#isAllowed(mux, log.core.discoveryKey, false).then((allowed) => {
      if (allowed && this.#muxes.has(mux) && log.isOpen) log.connections.attach(mux)
    })
    background(asked, () => {})
  }

  /** The remote opened a log for which no channel of ours waits. */
  async #answer(mux: Multiplexer, id: Uint8Array | null, handshake: Uint8Array): Promise<void> {
    const refusedAt = this.#parts.env.now() + REFUSAL_AFTER_MS
    if (id !== null && this.#parts.isHeld(id)) {
      const isTaken = await this.#take(mux, id, handshake).catch(() => false)
      if (isTaken) return
    }
    await this.#until(refusedAt)
  }

  async #take(mux: Multiplexer, id: Uint8Array, handshake: Uint8Array): Promise<boolean> {
    // On a connection of npm protomux we are not told: then the capability is checked when the channel opens.
    const shown = mux.seesHandshakes ? copyOf(decode(handshakeCodec, handshake).capability) : null
    if (!(await this.#isAllowed(mux, id, true))) return false
    let isTaken = false
    await this.#inTurn(() =>
      this.#parts.use(id, (log) => {
        const { handshakeHash, isInitiator } = mux.stream
        if (handshakeHash === null || !this.#muxes.has(mux)) return
        const context = { handshakeHash, key: log.core.key }
        if (shown !== null && !isCapability(shown, context, !isInitiator)) return
        log.replicator.attach(mux, true)
        isTaken = true
      })
    )
    return isTaken
  }

  async #isAllowed(
    mux: Multiplexer,
    discoveryKey: Uint8Array,
    isIncoming: boolean
  ): Promise<boolean> {
    const { authorize } = this.#parts
    if (authorize === null) return true
    await mux.stream.opened
    const { remotePublicKey } = mux.stream
    if (remotePublicKey === null) return false
    const request = { discoveryKey: copyOf(discoveryKey), remotePublicKey: copyOf(remotePublicKey) }
    return authorize({ ...request, isIncoming })
  }

  /** So many at the same moment; the others wait. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#openings >= MAX_OPENINGS) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    } else {
      this.#openings++
    }
    try {
      await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#openings--
      else next()
    }
  }

  #until(time: number): Promise<void> {
    const { env } = this.#parts
    return sleep(env, Math.max(0, time - env.now()))
  }
}
