// What an audit cannot read is a finding, not an error of the audit.
import { LogwoodError } from '../../errors.ts'
import { type Findings, REMEDY } from './finding.ts'

/** Null: it failed, and the findings say so. @throws AbortError, and what is no error of the disk */
export async function guarded<T>(
  findings: Findings,
  file: string,
  work: () => Promise<T>
): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof LogwoodError) || error.code === 'ABORTED' || error.code === 'TIMEOUT') {
      throw error
    }
    const kind = file === 'secret' ? 'secret' : 'unreadable'
    findings.add(kind, { file }, error.message, remedyFor(file))
    return null
  }
}

function remedyFor(file: string): string {
  if (file === 'secret') return REMEDY.secret
  return file === 'oplog' ? REMEDY.salvage : REMEDY.repair
}
