// What console.log shows of a session.
import { toHex } from '../util/bytes.ts'

export interface Inspected {
  readonly id: string | null
  readonly key: Uint8Array | null
  readonly discoveryKey: Uint8Array | null
  readonly opened: boolean
  readonly closed: boolean
  readonly snapshotted: boolean
  readonly writable: boolean
  readonly length: number
  readonly fork: number
  readonly sessions: readonly unknown[]
  readonly activeRequests: readonly unknown[]
  readonly peers: readonly { readonly remotePublicKey: Uint8Array | null }[]
}

/** Peers that are listed one by one. */
const MAX_PEERS = 5

export function inspected(name: string, core: Inspected): string {
  const { id, opened, closed, snapshotted, writable, length, fork, peers } = core
  const lines = {
    id,
    key: core.key && toHex(core.key),
    discoveryKey: core.discoveryKey && toHex(core.discoveryKey),
    opened,
    closed,
    snapshotted,
    writable,
    length,
    fork,
    sessions: `[ ${core.sessions.length} ]`,
    activeRequests: `[ ${core.activeRequests.length} ]`,
    peers: `[ ${peers.length} ]`
  }
  const shown = Object.entries(lines).map(([key, value]) => `  ${key}: ${value}`)
  for (const { remotePublicKey } of peers.slice(0, MAX_PEERS)) {
    shown.push(`    Peer(${remotePublicKey === null ? '' : toHex(remotePublicKey)})`)
  }
  return `${name}(\n${shown.join('\n')}\n)`
}
