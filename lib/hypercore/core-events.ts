// What happens to a log, told to the sessions of its core as Hypercore tells it; and what follows from it for views,
// waits and peers.
import { systemEnv } from '../env.ts'
import type { Log } from '../log/log.ts'
import type { Transfer } from '../log/opened-log.ts'
import { background } from '../util/background.ts'
import type { SharedCore } from './shared-core.ts'

export function followLog(core: SharedCore, log: Log): void {
  let before = log.length
  log.on('append', (length) => {
    // A cut to the same length is a new fork number, and nothing appended.
    if (length === before) cut(core, length, length)
    else grown(core, log, length)
    before = length
  })
  log.on('truncate', (length, ancestor) => {
    before = length
    cut(core, length, ancestor)
  })
  log.on('manifest', () => core.tellManifest())
  log.on('peer-add', (info) => {
    core.search.found()
    core.emitToAll('peer-add', core.peerOf(info))
  })
  log.on('peer-progress', ({ fork, contiguousLength }) => {
    if (fork !== log.fork || !core.remoteContiguity.told(contiguousLength)) return
    core.emitToAll('remote-contiguous-length', contiguousLength)
  })
  log.on('peer-remove', (info) => core.emitToAll('peer-remove', core.peerOf(info)))
  log.on('download', (block) => transferred(core, 'download', block))
  log.on('upload', (block) => transferred(core, 'upload', block))
  log.on('conflict', ({ length, fork, proof }) => core.emitToAll('conflict', length, fork, proof))
  log.on('fault', (error, info) => {
    core.emitToAll('verification-error', error, null, null, core.peerOf(info))
  })
}

function transferred(core: SharedCore, name: 'download' | 'upload', block: Transfer): void {
  const { index, byteLength, peer, elapsedMs } = block
  const elapsed = Math.round(elapsedMs ?? 0)
  const timestamp = Math.round(performance.timeOrigin + systemEnv.now()) - elapsed
  const request = name === 'download' ? [{ timestamp, elapsed }] : []
  for (const session of [...core.sessions].reverse()) {
    session.emit(name, index, byteLength - session.padding, core.peerOf(peer), ...request)
  }
}

function grown(core: SharedCore, log: Log, length: number): void {
  core.tellManifest()
  core.emitToView(core.live, 'append')
  if (core.wantingLatest === 0 || log.peers.length === 0 || log.has(length - 1)) return
  background(log.download({ blocks: [length - 1] }).done(), () => {})
}

function cut(core: SharedCore, length: number, ancestor: number): void {
  core.remoteContiguity.cut(length)
  core.batches.cut(ancestor)
  core.snapshots.cut(ancestor)
  core.requests.cut(ancestor)
  core.emitToView(core.live, 'truncate', ancestor, core.fork)
  if (length > ancestor) core.emitToView(core.live, 'append')
}
