// Attachments: the connections that a log is attached to. Owner of the list.
import type { Multiplexer } from '../mux/multiplexer.ts'
import { LazyMap } from '../util/lazy.ts'
import { Attachment, type AttachmentEvents } from './attachment.ts'
import type { Peer } from './peer.ts'
import type { PeerContext } from './peer-context.ts'

export class Attachments {
  readonly #events: Omit<AttachmentEvents, 'onDetached'>
  readonly #byMux: LazyMap<Multiplexer, Attachment> = new LazyMap()

  constructor(events: Omit<AttachmentEvents, 'onDetached'>) {
    this.#events = events
  }

  /** Whether there is a connection over which something may come. */
  get isConnected(): boolean {
    this.#prune()
    return this.#byMux.size > 0
  }

  get all(): Iterable<Attachment> {
    this.#prune()
    return this.#byMux.values()
  }

  /** Idempotent. */
  add(mux: Multiplexer, context: PeerContext): void {
    this.#prune()
    if (this.#byMux.has(mux)) return
    const { onEnded } = this.#events
    const attachment = new Attachment(mux, context, {
      ...this.#events,
      onDetached: () => {
        this.#byMux.delete(mux)
        onEnded()
      }
    })
    this.#byMux.set(mux, attachment)
    attachment.open()
  }

  /** The other side opened the log over this connection before it was attached. */
  meet(mux: Multiplexer): void {
    this.#byMux.get(mux)?.meet()
  }

  remove(mux: Multiplexer): void {
    const attachment = this.#byMux.get(mux)
    this.#byMux.delete(mux)
    attachment?.close()
  }

  of(peer: Peer): Attachment | undefined {
    for (const attachment of this.#byMux.values()) if (attachment.peer === peer) return attachment
    return undefined
  }

  /** Flags may be others; and where the log is wanted again, its channel is opened if it was closed. */
  trafficChanged(): void {
    for (const attachment of [...this.#byMux.values()]) {
      attachment.tellFlags()
      attachment.wake()
    }
  }

  /** Asks for each connection again what may flow, and ends what may not any more. */
  async review(): Promise<void> {
    await Promise.all([...this.#byMux.values()].map((attachment) => attachment.review()))
  }

  mayBringMore(): boolean {
    for (const attachment of this.#byMux.values()) if (attachment.mayBringMore()) return true
    return false
  }

  close(): void {
    for (const attachment of [...this.#byMux.values()]) attachment.close()
    this.#byMux.clear()
  }

  /** A connection that ended while the log had no channel on it did not say so. */
  #prune(): void {
    for (const mux of this.#byMux.keys()) if (mux.isClosed) this.#byMux.delete(mux)
  }
}
