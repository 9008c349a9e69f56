// What a log does about damage beyond what its core can: asks peers for blocks that were lost, and opens the files of
// a log that does not open.
import type { RepairReport } from '../core/rescue/repair.ts'
import { type SalvageReport, salvage } from '../core/rescue/salvage.ts'
import { LogFiles } from '../storage/log-files.ts'
import { background } from '../util/background.ts'
import { checkOptions } from '../util/options.ts'
import type { Download, DownloadOptions } from './download.ts'
import { keyOf, type Location } from './options.ts'
import type { WaitOptions } from './session.ts'

/** Asks for what a repair had to give up. It comes when a peer has it; nobody waits for that here. */
export function refetch(
  log: { download(options: DownloadOptions): Download },
  { lost }: RepairReport
): void {
  for (const { start, end } of lost) {
    background(log.download({ start, end }).done(), () => {})
  }
}

export async function salvageLog(
  location: Exclude<Location, null>,
  options: { key?: Uint8Array | string } & WaitOptions
): Promise<SalvageReport> {
  checkOptions(options, ['key', 'signal'], 'salvage')
  const { key, ...rest } = options
  const files = await LogFiles.open(location, { createIfMissing: false })
  return salvage(files, key === undefined ? rest : { ...rest, key: keyOf(key) })
}
