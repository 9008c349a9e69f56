// Life of things that must be closed: open → closing → closed, children first, in reverse order of adoption.
// The owner closes; a borrower never does.
import { StateError } from '../errors.ts'
import { LazySet } from './lazy.ts'

export type Status = 'open' | 'closing' | 'closed'

export abstract class Resource implements AsyncDisposable {
  #status: Status = 'open'
  #closing: Promise<void> | null = null
  #children: LazySet<Resource> = new LazySet()

  get status(): Status {
    return this.#status
  }

  /** Idempotent: later calls wait for the first. */
  close(): Promise<void> {
    if (this.#closing === null) {
      this.#status = 'closing'
      this.#closing = this.#closeAll().finally(() => {
        this.#status = 'closed'
      })
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What this resource itself has to let go of; its children are closed already. */
  protected abstract onClose(): Promise<void>

  /** The child closes with this resource, or before. */
  protected adopt<T extends Resource>(child: T): T {
    this.#children.add(child)
    return child
  }

  protected disown(child: Resource): void {
    this.#children.delete(child)
  }

  /** @throws StateError CLOSED */
  protected assertOpen(what: string): void {
    if (this.#status !== 'open') throw new StateError('CLOSED', `The ${what} is closed`)
  }

  async #closeAll(): Promise<void> {
    for (const child of [...this.#children].reverse()) await child.close()
    await this.onClose()
  }
}
