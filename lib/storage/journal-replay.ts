// What a journal found at opening says is done to the files again, in order, and synced. A crash on the way is no harm:
// the same is done once more. Design: journal.ts.
import { StorageError } from '../errors.ts'
import { toHex } from '../util/bytes.ts'
import type { File } from './file.ts'
import { decodeRecord, type JournalRecord, type JournalTarget } from './journal-format.ts'
import type { OplogScan } from './oplog-scan.ts'

/**
 * @param open the file that a record names, to be written directly; closed here
 * @throws StorageError CORRUPT if records are damaged that were needed; else whatever the files throw
 */
export async function replayJournal(
  scan: OplogScan,
  open: (target: JournalTarget) => Promise<File>
): Promise<void> {
  if (scan.lost !== null) throw damaged('records are damaged or missing')
  const records = scan.entries
    .filter((entry) => entry.flags === 0)
    .map((entry) => decodeRecord(entry.body))
  const files = new Map<string, File>()
  try {
    for (const record of pertinent(records)) {
      const name = nameOf(record)
      const file = files.get(name) ?? (await open(record))
      files.set(name, file)
      await redo(file, record)
    }
    for (const file of files.values()) await file.sync()
  } finally {
    await Promise.allSettled([...files.values()].map((file) => file.close()))
  }
}

/** Those that no later record declares void. */
function pertinent(records: readonly (JournalRecord | null)[]): JournalRecord[] {
  const voidBefore = new Map<string, number>()
  records.forEach((record, i) => {
    if (record === null) throw damaged('it holds what this version does not know')
    if (record.kind === 'settled') voidBefore.set(nameOf(record), i)
    if (record.kind === 'dropped') voidBefore.set(toHex(record.place), i)
  })
  return records.filter(
    (record, i): record is JournalRecord =>
      record !== null &&
      i > (voidBefore.get(nameOf(record)) ?? -1) &&
      i > (voidBefore.get(toHex(record.place)) ?? -1)
  )
}

async function redo(file: File, record: JournalRecord): Promise<void> {
  if (record.kind === 'truncate') await file.truncate(record.byteLength)
  if (record.kind !== 'write') return
  const zeros = new Uint8Array(record.zeros)
  await file.writeAll(record.offset, [record.data, zeros])
}

function nameOf({ file, place }: JournalTarget): string {
  return `${file} ${toHex(place)}`
}

function damaged(what: string): StorageError {
  return new StorageError(
    'CORRUPT',
    `journal is damaged: ${what}. Opened with "journal: discard", each log looks for itself what it lost`
  )
}
