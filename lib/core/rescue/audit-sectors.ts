// Audit of the oplog's fixed sectors: both identities, both seals. Of each there are two, so one may be damaged
// without anybody noticing until the other is, too.
import {
  HALVES_OFFSET,
  IDENTITY_OFFSETS,
  SEAL_OFFSETS,
  SECTOR_BYTES
} from '../../storage/constants.ts'
import type { File } from '../../storage/file.ts'
import {
  checksumSeed,
  decodeIdentity,
  decodeSeal,
  type Identity
} from '../../storage/oplog-format.ts'
import { isZero } from '../../storage/page-cache.ts'
import { equalBytes } from '../../util/bytes.ts'
import { type Findings, REMEDY } from './finding.ts'

export async function auditSectors(
  oplog: File,
  key: Uint8Array,
  findings: Findings
): Promise<void> {
  const head = new Uint8Array(HALVES_OFFSET)
  head.set(await oplog.read(0, Math.min(HALVES_OFFSET, oplog.byteLength)))
  const sector = (byteOffset: number): Uint8Array =>
    head.subarray(byteOffset, byteOffset + SECTOR_BYTES)
  let identity: Identity | null = null
  for (const byteOffset of IDENTITY_OFFSETS) {
    const found = decodeIdentity(sector(byteOffset))
    if (found !== null && equalBytes(found.key, key)) {
      identity ??= found
      continue
    }
    const place = { file: 'oplog', byteOffset, byteLength: SECTOR_BYTES }
    findings.add('identity', place, 'One of the two identity sectors is damaged', REMEDY.repair)
  }
  if (identity === null) return
  const seed = checksumSeed(identity.storeId)
  const damaged = SEAL_OFFSETS.filter((byteOffset) => {
    const bytes = sector(byteOffset)
    return !isZero(bytes) && (decodeSeal(bytes, seed) === 0 || !isZero(bytes.subarray(12)))
  })
  for (const byteOffset of damaged) {
    const place = { file: 'oplog', byteOffset, byteLength: SECTOR_BYTES }
    // One alone is what a process leaves that is killed while it writes it, and the next but one is written over it.
    const severity = damaged.length === 1 ? 'warning' : 'damage'
    const what = 'One of the two seals is damaged, or was cut short by a crash'
    findings.add('seal', place, what, REMEDY.repair, severity)
  }
}
