// RestingCore: the core of a log that gives its memory and files back while nobody uses it, and opens again with the
// first need. What is known at once stays (rest.ts). Only a log that holds all its blocks, has nothing unsynced and is in
// good standing can rest: of such a log nothing is lost but time.
//
//   awake ──rest()──▶ closing ──▶ resting ──first use──▶ opening ──▶ awake
//
// Owner: whoever opened the log; a RestRoster says when it rests.
import { StateError } from '../errors.ts'
import type { Proof, ProofRequest } from '../merkle/proof.ts'
import type { TreeHead } from '../merkle/tree.ts'
import type { LogFiles } from '../storage/log-files.ts'
import { packed } from '../util/bytes.ts'
import { Emitter, type Unsubscribe } from '../util/emitter.ts'
import { Core } from './core.ts'
import type { CoreChange, CoreEvents } from './core-events.ts'
import { isHeadOf } from './histories/conflict.ts'
import type { LogCore } from './log-core.ts'
import type { CoreOptions } from './opening.ts'
import { isSameHead, Rest } from './rest.ts'
import type { RestRoster } from './rest-roster.ts'
import { RestingView } from './resting-view.ts'
import type { Seal } from './writer.ts'

type Call<Name extends keyof LogCore> = LogCore[Name] extends (...args: infer Args) => infer Result
  ? { args: Args; result: Awaited<Result> }
  : never

/** What all logs of an owner share. */
export interface RestingParts {
  /** The files of a log, opened anew. */
  openFiles(discoveryKey: Uint8Array): Promise<LogFiles>
  readonly roster: RestRoster
}

export class RestingCore extends RestingView implements LogCore {
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  readonly readOnly = false
  readonly #parts: RestingParts
  readonly #options: CoreOptions
  readonly #events: Emitter<CoreEvents> = new Emitter()
  /** Null: it rests, or is about to. */
  #core: Core | null
  #waking: Promise<Core> | null = null
  #toRest: Promise<void> | null = null
  /** Calls under way. */
  #uses = 0

  private constructor(core: Core, options: CoreOptions, parts: RestingParts) {
    super(core)
    const [key, discoveryKey] = packed(core.key, core.discoveryKey)
    this.key = key
    this.discoveryKey = discoveryKey
    this.#parts = parts
    this.#options = { ...options, key }
    this.#core = core
    this.#follow(core)
  }

  /** @throws as Core.open */
  static async open(
    discoveryKey: Uint8Array,
    options: CoreOptions,
    parts: RestingParts
  ): Promise<RestingCore> {
    const core = await Core.open(await parts.openFiles(discoveryKey), options)
    return new RestingCore(core, options, parts)
  }

  get isAwake(): boolean {
    return this.#core !== null
  }

  /** Lets memory and files go, unless they are in use. Whether it did. @throws StorageError if closing fails */
  async rest(): Promise<boolean> {
    const core = this.#core
    if (core === null || this.#uses > 0 || this.status !== 'open') return false
    const parts = core.restParts()
    if (parts === null) return false
    this.view = new Rest(parts)
    this.#core = null
    this.#parts.roster.remove(this)
    this.#toRest = core.close().finally(() => {
      this.#toRest = null
    })
    await this.#toRest
    return true
  }

  override readNow(index: number): Uint8Array | null {
    if (this.status !== 'open') return null
    this.#touch()
    return super.readNow(index)
  }

  on<Name extends keyof CoreEvents>(
    name: Name,
    listener: (...args: CoreEvents[Name]) => void
  ): Unsubscribe {
    return this.#events.on(name, listener)
  }

  onChange(listener: (change: CoreChange) => void): Unsubscribe {
    return this.#events.on('published', listener)
  }

  async canUpgradeFrom(length: number): Promise<boolean> {
    if (length > this.length) return false
    // What a peer tells of a log that it has as we do is no reason to wake up.
    if (this.#core === null && (length === 0 || length === this.length)) return true
    return this.#use((core) => core.canUpgradeFrom(length))
  }

  prove(request: ProofRequest): Promise<Proof | null> {
    const head = this.view instanceof Rest ? this.view.proveHead(this.key, request) : null
    return head ?? this.#use((core) => core.prove(request))
  }

  follow(...args: Call<'follow'>['args']): Promise<Call<'follow'>['result']> {
    return this.#use((core) => core.follow(...args))
  }

  moveTo(...args: Call<'moveTo'>['args']): Promise<Call<'moveTo'>['result']> {
    return this.#use((core) => core.moveTo(...args))
  }

  async judge(proof: Proof): Promise<Call<'judge'>['result']> {
    if (this.#core === null && isHeadOf(this.tree, proof)) return 'same'
    return this.#use((core) => core.judge(proof))
  }

  read(index: number): Promise<Uint8Array | null> {
    return this.#use((core) => core.read(index))
  }

  byteOffset(index: number): Promise<number | null> {
    return this.#use((core) => core.byteOffset(index))
  }

  seek(...args: Call<'seek'>['args']): Promise<Call<'seek'>['result']> {
    return this.#use((core) => core.seek(...args))
  }

  treeHash(length?: number): Promise<Uint8Array | null> {
    return this.#use((core) => core.treeHash(length))
  }

  append(...args: Call<'append'>['args']): Promise<Call<'append'>['result']> {
    return this.#use((core) => core.append(...args))
  }

  truncate(...args: Call<'truncate'>['args']): Promise<Call<'truncate'>['result']> {
    return this.#use((core) => core.truncate(...args))
  }

  draftAppend(blocks: readonly Uint8Array[], seal?: Seal): Promise<TreeHead> {
    return this.#use((core) => core.draftAppend(blocks, seal))
  }

  draftTruncate(length: number, fork?: number): Promise<TreeHead> {
    return this.#use((core) => core.draftTruncate(length, fork))
  }

  setUserData(name: string, value: Uint8Array | null): Promise<void> {
    return this.#use((core) => core.setUserData(name, value))
  }

  clear(start: number, end: number): Promise<number> {
    return this.#use((core) => core.clear(start, end))
  }

  storage(): Promise<Call<'storage'>['result']> {
    return this.#use((core) => core.storage())
  }

  accept(...args: Call<'accept'>['args']): Promise<Call<'accept'>['result']> {
    return this.#use((core) => core.accept(...args))
  }

  setManifest(...args: Call<'setManifest'>['args']): Promise<void> {
    return this.#use((core) => core.setManifest(...args))
  }

  verify(...args: Call<'verify'>['args']): Promise<void> {
    return this.#use((core) => core.verify(...args))
  }

  /** A log that rests has nothing that is not synced. */
  async flush(): Promise<void> {
    if (this.#core !== null || this.#toRest !== null) await this.#use((core) => core.flush())
  }

  resume(...args: Call<'resume'>['args']): Promise<void> {
    return this.#use((core) => core.resume(...args))
  }

  audit(...args: Call<'audit'>['args']): Promise<Call<'audit'>['result']> {
    return this.#use((core) => core.audit(...args))
  }

  repair(...args: Call<'repair'>['args']): Promise<Call<'repair'>['result']> {
    return this.#use((core) => core.repair(...args))
  }

  async purge(): Promise<void> {
    await this.#use((core) => core.purge())
    await this.close()
  }

  protected override async onClose(): Promise<void> {
    this.#parts.roster.remove(this)
    await this.#waking?.catch(() => {})
    await this.#toRest
    await this.#core?.close()
  }

  /** At once if it is awake: calls of one turn are taken in one turn. */
  async #use<T>(run: (core: Core) => T | Promise<T>): Promise<T> {
    this.assertOpen('log')
    this.#uses++
    try {
      return await run(this.#core ?? (await this.#wake()))
    } finally {
      this.#uses--
      this.#touch()
    }
  }

  #wake(): Promise<Core> {
    this.#waking ??= this.#open().finally(() => {
      this.#waking = null
    })
    return this.#waking
  }

  async #open(): Promise<Core> {
    await this.#toRest?.catch(() => {})
    if (this.status !== 'open') throw new StateError('CLOSED', 'The log is closed')
    const core = await Core.open(await this.#parts.openFiles(this.discoveryKey), {
      ...this.#options,
      createIfMissing: false
    })
    const before = this.view
    this.#core = core
    this.view = core
    this.#follow(core)
    // The disk lost something meanwhile: as if it happened now.
    if (!isSameHead(before, core)) this.#tellAll(Math.min(before.length, core.length))
    return core
  }

  #follow(core: Core): void {
    core.on('applied', (change) => this.#events.emit('applied', change))
    core.on('published', (change) => this.#events.emit('published', change))
    core.on('damaged', (damage) => this.#events.emit('damaged', damage))
    this.#parts.roster.add(this)
  }

  #touch(): void {
    if (this.#core !== null) this.#parts.roster.touch(this)
  }

  #tellAll(ancestor: number): void {
    const change: CoreChange = {
      headChanged: true,
      ancestor,
      presence: null,
      manifestChanged: false,
      standingChanged: true
    }
    this.#events.emit('applied', change)
    this.#events.emit('published', change)
  }
}
