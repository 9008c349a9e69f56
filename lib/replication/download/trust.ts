// Trust: what a false proof means for the peer that it came from. It is asked nothing on this log for a while, and
// longer after each; then it is asked again, since whoever has one bad block may have a thousand good ones. Too many
// within a minute end the connection. Owner of `distrusted`.
import type { Env } from '../../env.ts'
import { type ProofError, ProtocolError } from '../../errors.ts'
import type { RateCounter } from '../../util/rate-counter.ts'
import { DISTRUST_MS, MAX_DISTRUST_MS, MAX_FALSE_PROOFS_PER_MINUTE } from '../constants.ts'
import type { RemoteLog } from '../model/remote-log.ts'

export interface TrustOptions {
  readonly remote: RemoteLog
  readonly env: Env
  /** Of the connection: over all its logs, and over channels that are opened anew. */
  readonly falseProofs: RateCounter
  /** It may be asked again. */
  onRegained(): void
  onTooMany(error: ProtocolError): void
}

export class Trust {
  readonly #options: TrustOptions
  #restMs = DISTRUST_MS
  #timer: Disposable | null = null
  #closed = false

  constructor(options: TrustOptions) {
    this.#options = options
  }

  /** It sent a false proof; false: it was distrusted already, and this is of what it was asked before. */
  lose(error: ProofError): boolean {
    const { remote, env, onRegained } = this.#options
    if (this.#closed || remote.distrusted) return false
    remote.distrusted = true
    this.#timer = env.setTimer(this.#restMs, () => {
      remote.distrusted = false
      onRegained()
    })
    this.#restMs = Math.min(2 * this.#restMs, MAX_DISTRUST_MS)
    this.count(error)
    return true
  }

  count(error: ProofError): void {
    const { env, falseProofs, onTooMany } = this.#options
    if (falseProofs.count(env.now()) < MAX_FALSE_PROOFS_PER_MINUTE) return
    onTooMany(new ProtocolError('LIMIT_EXCEEDED', 'Too many false proofs', error))
  }

  close(): void {
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
  }
}
