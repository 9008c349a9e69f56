// Traffic: what may flow with a peer, and what we therefore tell it: the user's switches, what the application
// authorizes, and whether anybody here wants the log. Owner of the switches and of the activity.
import type { Env } from '../env.ts'
import { Activity } from './activity.ts'
import { MAX_LINGER_MS, MIN_LINGER_MS } from './constants.ts'
import { Limits } from './limits.ts'
import { type LimitOptions, limitOf, type RateLimit } from './rate-limit.ts'
import type { SharedTraffic } from './shared-traffic.ts'
import { type Direction, type Permits, Switches } from './switches.ts'
import type { SyncFlags } from './upload/advertiser.ts'

/** Where the limits of a new peer come from; by its public key, null where the stream below does not tell. */
export interface LimitSource {
  upload(peer: Uint8Array | null): Limits
  download(peer: Uint8Array | null): Limits
}

export interface TrafficOptions {
  /** What may flow with peers that have no setting of their own: all, by default. */
  readonly upload?: boolean
  readonly download?: boolean
  /** How long a log that nobody wants any more goes on downloading, in milliseconds. */
  readonly lingerMs?: number
  readonly limits?: LimitOptions
  /** Whether peers may send what was not asked for; no, by default. */
  readonly push?: boolean
  /** Whether it is wanted as long as it is open, by default; false: only while somebody holds it, or waits. */
  readonly active?: boolean
  /** What holds besides, for several logs together. */
  readonly shared?: SharedTraffic
}

/** Whether blocks may flow to, or from, the peer with that public key. */
export type Authorize = (
  peer: Uint8Array | null,
  direction: Direction
) => boolean | Promise<boolean>

export interface TrafficEvents {
  isBusy(): boolean
  /** Flags of peers may be others from now on. */
  onChange(): void
}

export class Traffic implements LimitSource {
  readonly activity: Activity
  readonly #switches: Switches
  readonly #events: TrafficEvents
  readonly #perPeer: LimitOptions
  readonly #allowsPush: boolean
  readonly #upload: RateLimit | null
  readonly #download: RateLimit | null
  readonly #shared: SharedTraffic | null

  constructor(env: Env, options: TrafficOptions, events: TrafficEvents) {
    this.#switches = new Switches(options)
    this.#events = events
    const { limits = {} } = options
    this.#perPeer = limits
    this.#allowsPush = options.push ?? false
    this.#upload = limitOf(limits.upload)
    this.#download = limitOf(limits.download)
    this.#shared = options.shared ?? null
    const { lingerMs = MIN_LINGER_MS + env.random() * (MAX_LINGER_MS - MIN_LINGER_MS) } = options
    const { isBusy, onChange } = events
    this.activity = new Activity({ env, lingerMs, isBusy, onChange })
  }

  upload(peer: Uint8Array | null): Limits {
    const shared = this.#shared?.upload.of(peer) ?? null
    return new Limits([this.#upload, limitOf(this.#perPeer.uploadPerPeer), shared])
  }

  download(peer: Uint8Array | null): Limits {
    const shared = this.#shared?.download.of(peer) ?? null
    return new Limits([this.#download, limitOf(this.#perPeer.downloadPerPeer), shared])
  }

  /** For one peer, or for all that have no setting of their own. null: as the log's again. */
  set(direction: Direction, on: boolean | null, peer: Uint8Array | null): void {
    if (peer !== null) this.#switches.setFor(peer, direction, on)
    else this.#switches.set(direction, on ?? true)
    this.#events.onChange()
  }

  /** What is shared with other logs was changed. */
  sharedChanged(): void {
    this.#events.onChange()
  }

  flagsFor(permits: Permits, peer: Uint8Array | null): SyncFlags {
    const { upload, download } = this.#switches.of(peer)
    const shared = this.#shared?.switches.of(peer) ?? EVERYTHING
    const downloading = download && shared.download && permits.download && this.activity.isOn
    const allowPush = this.#allowsPush && downloading
    return { uploading: upload && shared.upload && permits.upload, downloading, allowPush }
  }
}

/** What the application lets flow with a peer; what throws means no. */
export function permitsOf(
  authorize: Authorize | undefined,
  peer: Uint8Array | null
): Permits | Promise<Permits> {
  if (authorize === undefined) return EVERYTHING
  const [upload, download] = [ask(authorize, peer, 'upload'), ask(authorize, peer, 'download')]
  return Promise.all([upload, download]).then(([up, down]) => ({ upload: up, download: down }))
}

const EVERYTHING: Permits = { upload: true, download: true }

async function ask(
  authorize: Authorize,
  peer: Uint8Array | null,
  direction: Direction
): Promise<boolean> {
  try {
    return (await authorize(peer, direction)) === true
  } catch {
    return false
  }
}
